//! Caches of the package managers of Node.js, Rust, Go, Java, Ruby, PHP, .NET, Julia and R.

use super::CACHE;
use crate::filesystem::NodeId;
use crate::ledger::Ledger;
use crate::rule::purpose::{has_child, starts_with_text};
use crate::rule::{Candidate, Detect, Facts, Paths, Phrase, Risk, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "cache-node",
        title: "Caches of npm, yarn, pnpm or bun",
        detect: Detect::Paths(
            Paths::any(&[
                "**/.npm/_cacache/",
                "**/.npm/_logs/",
                "**/.npm/_prebuilds/",
                "**/.cache/yarn/",
                "**/.cache/node-gyp/",
                "**/.cache/bun/",
                "**/.cache/npm/",
                "**/.cache/pnpm/",
                "usr/local/share/.cache/yarn/",
                "usr/share/.cache/yarn/",
                "**/.yarn/cache/",
                "**/.yarn/berry/cache/",
                "**/.pnpm-store/",
                "**/.local/share/pnpm/store/",
                "**/.bun/install/cache/",
                "tmp/npm-*/",
                "tmp/yarn-*/",
                "tmp/yarn--*/",
                "**/.nvm/.cache/",
                "**/.node-gyp/",
            ])
            .careful(&["**/.npm/_npx/", "**/.cache/node/", "**/node_modules/.cache/"])
            .env(&[
                "npm_config_cache",
                "NPM_CONFIG_CACHE",
                "YARN_CACHE_FOLDER",
                "PNPM_HOME/store",
                "NVM_DIR/.cache",
                "BUN_INSTALL_CACHE_DIR",
            ])
            .at(is_no_plug_and_play)
            .then(run_by_npx),
        ),
        why: "They keep what they download for the next installation, which happens in another \
              build. Files that pnpm links into node_modules in the same step cost nothing twice \
              and are not counted.",
        fix: "RUN {{cmd}} \\\n && npm cache clean --force\n# yarn: && yarn cache clean\n\
              # pnpm: && pnpm store prune",
        caution: "With Plug'n'Play the cache of yarn is the program; where .pnp.cjs is beside it, \
                  it is not counted. What npx and corepack installed is there for the next start.",
        links: &["https://docs.npmjs.com/cli/commands/npm-cache"],
        ..CACHE
    },
    Rule {
        id: "cache-cargo-rustup",
        title: "Caches and build trees of Rust",
        detect: Detect::Paths(
            Paths::any(&[
                "**/.cargo/registry/index/",
                "**/.cargo/registry/cache/",
                "**/.cargo/registry/src/",
                "**/.cargo/git/db/",
                "**/.cargo/git/checkouts/",
                "usr/local/cargo/registry/",
                "usr/local/cargo/git/",
                "**/.rustup/downloads/",
                "**/.rustup/tmp/",
                "usr/local/rustup/downloads/",
                "usr/local/rustup/tmp/",
            ])
            .careful(&[
                "**/target/debug/deps/",
                "**/target/debug/build/",
                "**/target/debug/incremental/",
                "**/target/debug/.fingerprint/",
                "**/target/release/deps/",
                "**/target/release/build/",
                "**/target/release/incremental/",
                "**/target/release/.fingerprint/",
            ])
            .env(&[
                "CARGO_HOME/registry",
                "CARGO_HOME/git",
                "RUSTUP_HOME/downloads",
                "RUSTUP_HOME/tmp",
            ])
            .at(is_of_cargo)
            .then(run_by_cargo),
        ),
        why: "Cargo reads sources and what it compiled from them when it builds, never when the \
              program runs.",
        fix: "RUN {{cmd}} \\\n && rm -rf {{paths}}\n\
              # or build in a stage of its own and COPY --from=build the program",
        caution: "Images in which people build without a network need the sources.",
        links: &["https://doc.rust-lang.org/cargo/guide/cargo-home.html"],
        ..CACHE
    },
    Rule {
        id: "cache-go",
        title: "Caches of modules and builds of Go",
        detect: Detect::Paths(
            Paths::any(&[
                "go/pkg/mod/",
                "root/go/pkg/mod/",
                "home/*/go/pkg/mod/",
                "**/.cache/go-build/",
            ])
            .env(&["GOMODCACHE", "GOCACHE", "GOPATH/pkg/mod"])
            .then(run_by_go),
        ),
        why: "Go reads them when it builds; the program that it makes needs none of them.",
        fix: "RUN {{cmd}} \\\n && go clean -cache -modcache\n\
              # or build in a stage of its own and COPY --from=build the program",
        caution: "Images that start with `go run` or `go test` need the modules.",
        links: &["https://go.dev/ref/mod#module-cache"],
        ..CACHE
    },
    Rule {
        id: "cache-jvm",
        title: "Caches of Maven, Gradle, sbt, Ivy or Coursier",
        detect: Detect::Paths(
            Paths::any(&[
                "**/.m2/repository/",
                "**/.gradle/caches/",
                "**/.gradle/wrapper/dists/",
                "**/.gradle/daemon/",
                "**/.ivy2/cache/",
                "**/.sbt/boot/",
                "**/.gradle/",
            ])
            .careful(&["**/.ivy2/jars/", "**/.cache/coursier/"])
            .env(&["GRADLE_USER_HOME/caches", "GRADLE_USER_HOME/wrapper/dists"])
            .at(is_of_gradle)
            .then(run_by_jvm_tool),
        ),
        why: "Build tools keep what they download; a program that is packed with its libraries \
              reads none of it.",
        fix: "RUN {{cmd}} \\\n && rm -rf {{paths}}\n\
              # or build in a stage of its own and copy the jar",
        caution: "Spark resolves spark.jars.packages from ~/.ivy2 when it starts, and programs that \
                  Coursier installed load their classes from its cache.",
        ..CACHE
    },
    Rule {
        id: "cache-ruby",
        title: "Downloaded gems and what building them left",
        detect: Detect::Paths(
            Paths::any(&[
                "**/gems/*/cache/*.gem",
                "**/ruby/*/cache/*.gem",
                "**/.bundle/cache/",
                "usr/local/bundle/cache/",
                "**/gems/**/ext/**/*.o",
                "**/mkmf.log",
                "**/gem_make.out",
            ])
            .careful(&["**/vendor/cache/"])
            .env(&["GEM_HOME/cache", "BUNDLE_PATH/cache"])
            .at(is_of_bundler),
        ),
        why: "An installed gem needs neither its archive nor the object files of its extensions.",
        fix: "RUN {{cmd}} \\\n\
              \x20&& rm -rf \"$(gem env gemdir)\"/cache/* \\\n\
              \x20&& find \"$(gem env gemdir)/gems\" -name '*.o' -delete",
        caution: "vendor/cache is the source of `bundle install --local`. Shared objects beside \
                  the object files have to stay.",
        ..CACHE
    },
    Rule {
        id: "cache-php",
        title: "Caches of Composer and PECL",
        detect: Detect::Paths(
            Paths::any(&["**/.composer/cache/", "**/.cache/composer/", "tmp/pear/"])
                .careful(&["usr/src/php.tar.xz*"])
                .env(&["COMPOSER_HOME/cache", "COMPOSER_CACHE_DIR"]),
        ),
        why: "Composer and PECL keep downloads for the next installation, which happens in another \
              build.",
        fix: "RUN {{cmd}} \\\n && rm -rf {{paths}}",
        caution: "docker-php-ext-install compiles from /usr/src/php.tar.xz: keep it in images that \
                  others build on.",
        links: &["https://getcomposer.org/doc/03-cli.md"],
        ..CACHE
    },
    Rule {
        id: "cache-nuget",
        title: "Package cache of NuGet",
        detect: Detect::Paths(
            Paths::any(&["**/.nuget/packages/", "**/.local/share/NuGet/"])
                .careful(&["**/obj/"])
                .env(&["NUGET_PACKAGES"])
                .at(is_of_dotnet)
                .then(run_by_dotnet),
        ),
        why: "`dotnet publish` copies what a program needs beside it; it reads no package folder \
              when it runs.",
        fix: "RUN {{cmd}} \\\n && dotnet nuget locals all --clear\n\
              # or publish in a stage of its own and COPY --from=build the result",
        caution: "Images that start with `dotnet run` or `dotnet test` read the package folder.",
        ..CACHE
    },
    Rule {
        id: "cache-julia",
        title: "Registries and logs of Julia",
        detect: Detect::Paths(
            Paths::any(&["**/.julia/logs/"])
                .careful(&[
                    "**/.julia/registries/",
                    "**/.julia/scratchspaces/",
                    "**/.julia/clones/",
                ])
                .env(&["JULIA_DEPOT_PATH/logs"]),
        ),
        why: "Julia fetches its registry anew when it installs; code that it compiled beforehand \
              saves minutes at the first start and is not counted.",
        fix: "RUN {{cmd}} \\\n && rm -rf {{paths}}",
        caution: "Installing more packages fetches the registry again. Packages may keep data \
                  that they made for themselves in scratchspaces.",
        links: &["https://pkgdocs.julialang.org/v1/"],
        ..CACHE
    },
    Rule {
        id: "cache-r",
        title: "Downloads and temporary files of R",
        detect: Detect::Paths(
            Paths::any(&[
                "tmp/Rtmp*/",
                "tmp/downloaded_packages/",
                "tmp/file*/R.INSTALL*/",
                "**/00LOCK-*/",
                "**/00LOCK/",
                "**/00new/",
            ])
            .careful(&["**/.local/share/renv/cache/", "**/.cache/R/"]),
        ),
        why: "R leaves sources of packages and half-made installations behind; what is installed \
              needs none of them.",
        fix: "RUN {{cmd}} \\\n && rm -rf /tmp/Rtmp* /tmp/downloaded_packages ~/.cache/R",
        caution: "Where a library of renv is links into its cache, the cache is the library; what \
                  links lead to is not counted. pak reads its metadata when people install with it.",
        ..CACHE
    },
];

fn parent_has(ledger: &Ledger, node: NodeId, names: &[&str]) -> bool {
    let parent = ledger.filesystem().parent(node);
    names.iter().any(|name| has_child(ledger, parent, name))
}

/// Whether a cache of yarn is one: with Plug'n'Play it is the program.
fn is_no_plug_and_play(facts: &Facts<'_>, node: NodeId) -> bool {
    let filesystem = facts.ledger.filesystem();
    let parent = filesystem.parent(node);
    if filesystem.name(node) != b"cache" || filesystem.name(parent) != b".yarn" {
        return true;
    }
    !parent_has(facts.ledger, parent, &[".pnp.cjs", ".pnp.js", ".pnp.loader.mjs"])
}

fn run_by_npx(facts: &Facts<'_>, candidate: Candidate) -> Candidate {
    needed_by(facts, candidate, &["npx ", "pnpm dlx", "yarn dlx", "bunx "])
}

fn run_by_go(facts: &Facts<'_>, candidate: Candidate) -> Candidate {
    needed_by(facts, candidate, &["go run", "go test", "go build"])
}

fn run_by_jvm_tool(facts: &Facts<'_>, candidate: Candidate) -> Candidate {
    needed_by(
        facts,
        candidate,
        &["mvn", "gradle", "sbt", "spring-boot:run", "clojure", "clj", "lein", "scala"],
    )
}

fn run_by_cargo(facts: &Facts<'_>, candidate: Candidate) -> Candidate {
    needed_by(facts, candidate, &["cargo "])
}

fn run_by_dotnet(facts: &Facts<'_>, candidate: Candidate) -> Candidate {
    needed_by(facts, candidate, &["dotnet run", "dotnet test", "dotnet watch", "bin/Debug"])
}

/// Not safe where the image starts with such a command.
fn needed_by(facts: &Facts<'_>, candidate: Candidate, commands: &[&str]) -> Candidate {
    if !commands.iter().any(|text| starts_with_text(facts.image, text)) {
        return candidate;
    }
    let note = "The command that the image starts with may read it.";
    candidate.risk(Risk::Review).note(Phrase::words(note))
}

/// Whether a build tree has Cargo's manifest beside it.
fn is_of_cargo(facts: &Facts<'_>, node: NodeId) -> bool {
    let filesystem = facts.ledger.filesystem();
    let target = filesystem.parent(filesystem.parent(node));
    filesystem.name(target) != b"target" || parent_has(facts.ledger, target, &["Cargo.toml"])
}

/// Whether a directory of Gradle is a home's cache, or a project's.
fn is_of_gradle(facts: &Facts<'_>, node: NodeId) -> bool {
    let names = ["build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts"];
    facts.ledger.filesystem().name(node) != b".gradle" || parent_has(facts.ledger, node, &names)
}

fn is_of_bundler(facts: &Facts<'_>, node: NodeId) -> bool {
    let filesystem = facts.ledger.filesystem();
    let parent = filesystem.parent(node);
    let vendored = filesystem.name(node) == b"cache" && filesystem.name(parent) == b"vendor";
    !vendored || parent_has(facts.ledger, parent, &["Gemfile"])
}

/// Whether intermediate files have a .NET project beside them.
fn is_of_dotnet(facts: &Facts<'_>, node: NodeId) -> bool {
    let filesystem = facts.ledger.filesystem();
    if filesystem.name(node) != b"obj" {
        return true;
    }
    has_child(facts.ledger, node, "project.assets.json")
}

#[cfg(test)]
mod tests {
    use crate::rule::testing::{check, found};

    #[test]
    fn what_the_start_may_read_is_not_safe() {
        let check = |rule: &str, command: &str, path: &str, (risk, notes): (&str, usize)| {
            let image = format!("CMD {command}\nRUN x\n  {path} 40_000_000\n");
            let findings = found(&image, &[rule]);
            let told =
                (findings[0].gross.content, findings[0].risk.as_str(), findings[0].notes.len());
            assert_eq!(told, (40_000_000, risk, notes), "{command}");
        };
        let (plain, demoted) = (("safe", 0), ("review", 1));
        let crates = "root/.cargo/registry/cache/a.crate";
        check("cache-cargo-rustup", "cargo run", crates, demoted);
        check("cache-cargo-rustup", "/usr/bin/app", crates, plain);
        let jars = "root/.m2/repository/a.jar";
        check("cache-jvm", "mvn spring-boot:run", jars, demoted);
        check("cache-jvm", "java -jar /app.jar", jars, plain);
        let modules = "root/go/pkg/mod/cache/download/a.zip";
        check("cache-go", "go run .", modules, demoted);
        check("cache-go", "/app", modules, plain);
    }

    #[test]
    fn node() {
        let image = "
RUN npm ci
  root/.npm/_cacache/a 2_000_000
  app/.yarn/cache/b.zip 3_000_000
  pnp/.pnp.cjs 10
  pnp/.yarn/cache/c.zip 5_000_000
  root/.npm/_npx/d 7_000_000
  usr/local/share/.cache/yarn/v6/e 1_000_000
";
        check("cache-node", image, &[7_000_000, 6_000_000]);
    }

    #[test]
    fn cargo_rustup() {
        let image = "
ENV CARGO_HOME=/opt/cargo
RUN cargo build
  opt/cargo/registry/cache/a.crate 2_000_000
  opt/cargo/bin/cargo 9_000_000
  app/Cargo.toml 10
  app/target/release/deps/b.rlib 3_000_000
  app/target/release/app 9_000_000
  data/target/release/deps/c 9_000_000
";
        check("cache-cargo-rustup", image, &[3_000_000, 2_000_000]);
    }

    #[test]
    fn go() {
        let image =
            "RUN go build\n  go/pkg/mod/a@v1/b.go 2_000_000\n  root/.cache/go-build/c 3_000_000\n";
        check("cache-go", image, &[5_000_000]);
        let runs = format!("CMD go run .\n{image}");
        assert_eq!(found(&runs, &["cache-go"])[0].risk.as_str(), "review");
    }

    #[test]
    fn jvm() {
        let image = "
RUN mvn package
  root/.m2/repository/a.jar 2_000_000
  root/.ivy2/jars/b.jar 3_000_000
  app/build.gradle 10
  app/.gradle/c 4_000_000
  opt/.gradle/d 9_000_000
";
        check("cache-jvm", image, &[6_000_000, 3_000_000]);
    }

    #[test]
    fn ruby() {
        let image = "
RUN bundle install
  usr/local/lib/ruby/gems/3.3.0/cache/a.gem 2_000_000
  usr/local/bundle/gems/b-1/ext/b/b.o 3_000_000
  usr/local/bundle/gems/b-1/ext/b/b.so 4_000_000
  app/Gemfile 10
  app/vendor/cache/c.gem 5_000_000
  php/vendor/cache/d 6_000_000
";
        check("cache-ruby", image, &[5_000_000, 5_000_000]);
    }

    #[test]
    fn php() {
        let image = "RUN a\n  root/.composer/cache/a 2_000_000\n  usr/src/php.tar.xz 3_000_000\n";
        check("cache-php", image, &[3_000_000, 2_000_000]);
        check("cache-php", "RUN a\n  app/vendor/composer/cache/a 2_000_000\n", &[]);
    }

    #[test]
    fn nuget() {
        let image = "
RUN dotnet publish
  root/.nuget/packages/a 2_000_000
  src/obj/project.assets.json 10
  src/obj/b.dll 3_000_000
  models/obj/c 4_000_000
";
        check("cache-nuget", image, &[3_000_010, 2_000_000]);
    }

    #[test]
    fn julia() {
        let image = "
RUN julia
  root/.julia/logs/a 2_000_000
  root/.julia/registries/General.tar.gz 3_000_000
  root/.julia/compiled/v1.11/b.ji 4_000_000
";
        check("cache-julia", image, &[3_000_000, 2_000_000]);
    }

    #[test]
    fn r() {
        let image = "
RUN Rscript install.R
  tmp/Rtmpabc/downloaded_packages/a.tar.gz 2_000_000
  root/.local/share/renv/cache/v5/b/x 3_000_000
  root/.local/share/renv/cache/v5/c/x 4_000_000
  usr/lib/R/library/c -> /root/.local/share/renv/cache/v5/c
";
        check("cache-r", image, &[3_000_000, 2_000_000]);
    }
}
