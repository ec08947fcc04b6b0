//! Caches of compilers, installers, browsers and all other tools.

use std::collections::{BTreeMap, BTreeSet};

use super::CACHE;
use crate::filesystem::NodeId;
use crate::ledger::AtomId;
use crate::rule::purpose::is_below_variable;
use crate::rule::{
    Bands, Candidate, Claim, Detect, Facts, Paths, Phrase, Risk, Rule, Table, Value,
};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "cache-hpc",
        title: "Caches of Spack, EasyBuild or Homebrew",
        detect: Detect::Paths(
            Paths::any(&[
                "**/var/spack/stage/",
                "**/var/spack/cache/",
                "**/.spack/cache/",
                "**/.spack/stage/",
                "**/.cache/Homebrew/",
            ])
            .careful(&[
                "**/easybuild/sources/",
                "**/easybuild/build/",
                "home/linuxbrew/.linuxbrew/Homebrew/.git/",
            ])
            .env(&["HOMEBREW_CACHE", "SPACK_USER_CACHE_PATH"]),
        ),
        why: "They keep sources and build trees of what they installed.",
        fix: "RUN {{cmd}} \\\n && rm -rf {{paths}}\n\
              # in a builder stage; copy the view and the store paths that it links to",
        caution: "Images in which people build packages anew read the sources. Homebrew updates \
                  itself through its .git.",
        ..CACHE
    },
    Rule {
        id: "cache-compiler-jit",
        title: "Caches of compilers",
        detect: Detect::Paths(
            Paths::any(&[
                "**/.cache/ccache/",
                "**/.cache/sccache/",
                "**/.cache/bazel/",
                "**/.cache/zig/",
                "**/.cache/clangd/",
                "**/.ccache/",
            ])
            .careful(&[
                "**/.nv/ComputeCache/",
                "**/.triton/cache/",
                "tmp/torchinductor_*/",
                "**/.cache/torch_extensions/",
                "**/.cupy/kernel_cache/",
                "**/__pycache__/*.nbi",
                "**/__pycache__/*.nbc",
            ])
            .env(&["CCACHE_DIR", "SCCACHE_DIR"])
            .only(is_not_kept_warm),
        ),
        why: "A compiler keeps results for its next run. Those of ahead-of-time compilers serve the \
              build alone; those of just-in-time compilers are made again on first use.",
        fix: "RUN --mount=type=cache,target=/root/.cache/ccache {{cmd}}",
        caution: "A cache that a step fills on purpose saves time at each start; where a variable \
                  names it, it is not counted.",
        ..CACHE
    },
    Rule {
        id: "cache-installer-downloads",
        title: "Downloads that installers keep",
        detect: Detect::Paths(
            Paths::any(&[
                "**/.cache/code-server/*.deb",
                "**/.cache/code-server/*.rpm",
                "**/.cache/code-server/*.tar.gz",
                "tmp/code-server-cache/",
                "**/CachedExtensionVSIXs/",
                "**/.pyenv/cache/",
                "**/.sdkman/archives/",
                "**/.sdkman/tmp/",
                "**/.cache/electron/",
                "**/.cache/electron-builder/",
                "**/.cache/helm/",
                "**/.cache/pulumi/",
                "**/.cache/act/",
                "**/.cache/esbuild/",
                "**/vcpkg/downloads/",
                "**/vcpkg/buildtrees/",
                "**/google-cloud-sdk/.install/.backup/",
            ])
            .careful(&[
                "**/extensionsCache/",
                "**/.cache/selenium/",
                "**/.cache/deno/",
                "**/vcpkg/packages/",
                "**/.conan/data/*/*/*/*/build/",
                "**/.conan2/p/b/*/b/",
            ])
            .env(&[
                "PYENV_ROOT/cache",
                "SDKMAN_DIR/archives",
                "SDKMAN_DIR/tmp",
                "VCPKG_ROOT/downloads",
                "VCPKG_ROOT/buildtrees",
            ]),
        ),
        why: "Installers keep what they downloaded in the home directory; what they installed does \
              not read it. `rm -rf .cache` deletes in the working directory, which need not be \
              the home.",
        fix: "RUN {{cmd}} \\\n && rm -rf \"$HOME/.cache\"",
        caution: "Images for development fill extensionsCache on purpose. Packages of vcpkg and \
                  Conan may be linked to by a build.",
        ..CACHE
    },
    Rule {
        id: "cache-browser-binaries",
        title: "Browsers that test tools downloaded",
        risk: Risk::Review,
        bands: Bands::Review,
        detect: Detect::Layers(browsers),
        why: "Playwright, Puppeteer and Cypress download whole browsers, one for each of their \
              versions.",
        fix: "RUN npx playwright install --with-deps --only-shell chromium",
        caution: "The browser that the installed version of the tool asks for has to stay if the \
                  image drives it.",
        links: &["https://playwright.dev/docs/browsers"],
        ..CACHE
    },
    Rule {
        id: "cache-xdg-other",
        title: "Other caches in home directories",
        risk: Risk::Test,
        bands: Bands::Normal,
        min: 5_000_000,
        detect: Detect::Paths(Paths::any(&["**/.cache/*"]).except(CLAIMED).only(is_unnamed)),
        why: "Programs keep in .cache what they can download or compute again.",
        fix: "RUN {{cmd}} \\\n && rm -rf {{paths}}",
        caution: "Some programs find models or templates there that somebody put there on purpose.",
        ..CACHE
    },
];

/// What other rules look for in caches of home directories.
const CLAIMED: &[&str] = &[
    "**/.cache/Cypress",
    "**/.cache/Homebrew",
    "**/.cache/JetBrains",
    "**/.cache/R",
    "**/.cache/act",
    "**/.cache/bazel",
    "**/.cache/black",
    "**/.cache/bun",
    "**/.cache/ccache",
    "**/.cache/clangd",
    "**/.cache/clip",
    "**/.cache/code-server",
    "**/.cache/composer",
    "**/.cache/conda",
    "**/.cache/coursier",
    "**/.cache/ctranslate2",
    "**/.cache/deno",
    "**/.cache/electron",
    "**/.cache/electron-builder",
    "**/.cache/esbuild",
    "**/.cache/go-build",
    "**/.cache/hatch",
    "**/.cache/helm",
    "**/.cache/huggingface",
    "**/.cache/kagglehub",
    "**/.cache/mamba",
    "**/.cache/micromamba",
    "**/.cache/modelscope",
    "**/.cache/ms-playwright",
    "**/.cache/ms-playwright-go",
    "**/.cache/mypy",
    "**/.cache/node",
    "**/.cache/node-gyp",
    "**/.cache/npm",
    "**/.cache/pdm",
    "**/.cache/pip",
    "**/.cache/pipenv",
    "**/.cache/pipx",
    "**/.cache/pixi",
    "**/.cache/pnpm",
    "**/.cache/pre-commit",
    "**/.cache/pulumi",
    "**/.cache/puppeteer",
    "**/.cache/pypoetry",
    "**/.cache/rattler",
    "**/.cache/ruff",
    "**/.cache/sccache",
    "**/.cache/selenium",
    "**/.cache/sentence_transformers",
    "**/.cache/suno",
    "**/.cache/templateflow",
    "**/.cache/tensorflow_datasets",
    "**/.cache/torch",
    "**/.cache/torch_extensions",
    "**/.cache/tts",
    "**/.cache/uv",
    "**/.cache/virtualenv",
    "**/.cache/whisper",
    "**/.cache/yarn",
    "**/.cache/zig",
    "**/node_modules/.cache",
    "**/share/.cache",
];

/// Directories of browsers by the variable that may name them.
const BROWSERS: [(&str, &[&str]); 4] = [
    ("PLAYWRIGHT_BROWSERS_PATH", &[".cache/ms-playwright", "ms-playwright", ".local-browsers"]),
    ("PUPPETEER_CACHE_DIR", &[".cache/puppeteer"]),
    ("CYPRESS_CACHE_FOLDER", &[".cache/Cypress"]),
    ("", &[".cache/ms-playwright-go"]),
];

/// Variables that name caches of just-in-time compilers.
const WARM: [&str; 6] = [
    "TRITON_CACHE_DIR",
    "TORCHINDUCTOR_CACHE_DIR",
    "TORCH_EXTENSIONS_DIR",
    "NUMBA_CACHE_DIR",
    "CUPY_CACHE_DIR",
    "CUDA_CACHE_PATH",
];

fn is_not_kept_warm(facts: &Facts<'_>, file: AtomId) -> bool {
    !is_below_variable(facts, facts.ledger.atom(file).node, &WARM)
}

/// Whether no variable names the cache that a file is in.
fn is_unnamed(facts: &Facts<'_>, file: AtomId) -> bool {
    let node = facts.ledger.atom(file).node;
    let variables = facts.image.runtime.env.iter();
    let caches = variables.filter(|(_, value)| value.contains("/.cache/"));
    let names: Vec<&str> = caches.map(|(name, _)| name.as_str()).collect();
    !is_below_variable(facts, node, &names)
}

/// The directories in which browsers are, one of each kind.
fn homes(facts: &Facts<'_>) -> Vec<NodeId> {
    let ledger = facts.ledger;
    let filesystem = ledger.filesystem();
    let mut homes = BTreeSet::new();
    for (variable, _) in BROWSERS {
        let value = facts.image.runtime.env.get(variable);
        homes.extend(value.and_then(|value| ledger.find(value.as_bytes())));
    }
    let names: Vec<Vec<&[u8]>> = BROWSERS
        .iter()
        .flat_map(|(_, paths)| paths.iter())
        .map(|path| path.as_bytes().rsplit(|byte| *byte == b'/').collect())
        .collect();
    for node in ledger.tree() {
        let is = |path: &Vec<&[u8]>| {
            let mut at = *node;
            path.iter().all(|name| {
                let same = filesystem.name(at) == *name;
                at = filesystem.parent(at);
                same
            })
        };
        if names.iter().any(is) {
            homes.insert(*node);
        }
    }
    homes.into_iter().filter(|node| *node != filesystem.root()).collect()
}

/// All browsers as one candidate, and revisions that no installed tool asks for as another.
fn browsers(facts: &Facts<'_>) -> Vec<Candidate> {
    let ledger = facts.ledger;
    let filesystem = ledger.filesystem();
    let wanted = wanted_revisions(facts);
    let (mut all, mut stale) = (Vec::new(), Vec::new());
    let mut rows = Vec::new();
    for home in homes(facts) {
        for browser in filesystem.children(home) {
            let files = ledger.select(&[browser]);
            let bytes = ledger.sum(files.iter().copied()).bytes;
            let name = String::from_utf8_lossy(filesystem.name(browser)).into_owned();
            let is_stale = is_superseded(&name, &wanted);
            if bytes > 0 {
                rows.push(vec![Value::Text(name), Value::Bytes(bytes)]);
            }
            let list = if is_stale { &mut stale } else { &mut all };
            list.extend(files.into_iter().map(|file| (file, 100)));
        }
    }
    let mut found = Vec::new();
    if !stale.is_empty() {
        let message = Phrase::words("Browsers that no installed version of Playwright asks for");
        let candidate = Candidate::new("superseded", message, Claim::Files(stale));
        found.push(candidate.risk(Risk::Test));
    }
    if !all.is_empty() {
        let message = Phrase::words("Browsers that test tools downloaded");
        let mut candidate = Candidate::new("", message, Claim::Files(all));
        candidate.table = Some(Table { columns: vec!["Browser", "Content"], rows });
        found.push(candidate);
    }
    found
}

/// By browser, the revisions that installed tools ask for.
fn wanted_revisions(facts: &Facts<'_>) -> BTreeMap<String, BTreeSet<String>> {
    let mut wanted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for document in facts.documents.named(b"browsers.json") {
        if document.hidden.is_some() || !document.is_complete() {
            continue;
        }
        let read: Option<serde_json::Value> = serde_json::from_slice(document.head).ok();
        let list = read.as_ref().and_then(|read| read.get("browsers")?.as_array());
        for browser in list.into_iter().flatten() {
            let text = |key: &str| browser.get(key).and_then(serde_json::Value::as_str);
            if let (Some(name), Some(revision)) = (text("name"), text("revision")) {
                let name = name.replace('-', "_");
                wanted.entry(name).or_default().insert(revision.to_owned());
            }
        }
    }
    wanted
}

/// Whether a directory `browser-revision` is of a browser of which other revisions are asked for.
fn is_superseded(directory: &str, wanted: &BTreeMap<String, BTreeSet<String>>) -> bool {
    let Some((name, revision)) = directory.rsplit_once('-') else { return false };
    wanted.get(name).is_some_and(|revisions| !revisions.contains(revision))
}

#[cfg(test)]
mod tests {
    use crate::rule::testing::{check, found};

    #[test]
    fn hpc() {
        let image = "
RUN spack install x
  opt/spack/var/spack/cache/a.tar.gz 2_000_000
  opt/easybuild/sources/b.tar.gz 3_000_000
  opt/spack/opt/c 4_000_000
";
        check("cache-hpc", image, &[3_000_000, 2_000_000]);
    }

    #[test]
    fn compilers_and_just_in_time() {
        let image = "
ENV NUMBA_CACHE_DIR=/warm
RUN make
  root/.cache/ccache/a 2_000_000
  root/.triton/cache/b 3_000_000
  warm/__pycache__/c.nbi 4_000_000
";
        check("cache-compiler-jit", image, &[3_000_000, 2_000_000]);
    }

    #[test]
    fn installer_downloads() {
        let image = "
RUN curl -fsSL https://code-server.dev/install.sh | sh && rm -rf .cache
  root/.cache/code-server/code-server_4_amd64.deb 100_000_000
  root/.cache/code-server/state.json 2_000_000
  home/coder/.vscode-server/extensionsCache/x 3_000_000
";
        check("cache-installer-downloads", image, &[100_000_000, 3_000_000]);
    }

    #[test]
    fn browser_binaries() {
        let image = "
ENV PLAYWRIGHT_BROWSERS_PATH=/ms
RUN npx playwright install
  ms/chromium-1100/chrome 200_000_000
  ms/chromium-1105/chrome 210_000_000
  ms/ffmpeg-9/ffmpeg 5_000_000
  app/node_modules/playwright-core/browsers.json = \"{\\\"browsers\\\":[{\\\"name\\\":\\\"chromium\\\",\\\"revision\\\":\\\"1105\\\"}]}\"
";
        check("cache-browser-binaries", image, &[215_000_000, 200_000_000]);
        let risks: Vec<_> = found(image, &["cache-browser-binaries"])
            .iter()
            .map(|found| found.risk.as_str())
            .collect();
        assert!(risks.contains(&"review") && risks.contains(&"test"), "{risks:?}");
        check("cache-browser-binaries", "RUN a\n  usr/bin/chromium 200_000_000\n", &[]);
    }

    #[test]
    fn xdg_other() {
        let image = "
ENV TEMPLATES=/root/.cache/templates
RUN a
  root/.cache/tool/a 6_000_000
  root/.cache/pip/b 7_000_000
  root/.cache/huggingface/c 8_000_000
  root/.cache/templates/d 9_000_000
";
        check("cache-xdg-other", image, &[6_000_000]);
    }
}
