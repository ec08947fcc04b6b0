//! Development kits where a run-time environment would do.

use super::{BUILD, weighed};
use crate::filesystem::NodeId;
use crate::rule::purpose::{has_child, starts_with_text};
use crate::rule::{Bands, Detect, Effort, Facts, Paths, Phase, Risk, Rule};

pub(super) const RULES: &[Rule] = &[Rule {
    id: "build-sdk-in-runtime",
    title: "Development kits where a run-time environment would do",
    phase: Phase::Decision,
    risk: Risk::Review,
    effort: Effort::Base,
    bands: Bands::Review,
    min: 100_000_000,
    detect: Detect::Paths(
        Paths::any(&[
            "**/jmods/",
            "**/src.zip",
            "**/ct.sym",
            "**/bin/javac",
            "usr/share/dotnet/sdk/",
            "usr/share/dotnet/packs/",
            "usr/share/dotnet/templates/",
            "usr/lib/dotnet/sdk/",
            "usr/lib/dotnet/packs/",
            "usr/local/go/",
            "usr/lib/go-*/",
            "usr/local/rustup/toolchains/",
            "root/.rustup/toolchains/",
            "home/*/.rustup/toolchains/",
            "opt/android-sdk*/",
            "usr/lib/android-sdk/",
            "emsdk/",
            "opt/emsdk/",
            "opt/flutter/",
            "usr/local/flutter/",
            "opt/swift*/",
        ])
        .env(&["ANDROID_HOME", "ANDROID_SDK_ROOT", "EMSDK", "GOROOT", "RUSTUP_HOME/toolchains"])
        .at(is_unused_kit)
        .then(weighed),
    ),
    why: "The program is built; to run it needs a run-time environment, or nothing.",
    fix: "FROM mcr.microsoft.com/dotnet/aspnet:{{version}}\n\
          # Java: openjdk-{{n}}-jre-headless; Go and Rust: COPY --from=build the program alone",
    caution: "Some programs compile while they run: pages of JSP, scripts of Groovy, functions \
              loaded as source.",
    ..BUILD
}];

/// Whether what looks like part of a kit is, and the image does not start through it.
fn is_unused_kit(facts: &Facts<'_>, node: NodeId) -> bool {
    let ledger = facts.ledger;
    let filesystem = ledger.filesystem();
    let commands =
        ["go run", "go test", "cargo ", "dotnet run", "dotnet test", "dotnet watch", "javac"];
    if commands.iter().any(|command| starts_with_text(facts.image, command)) {
        return false;
    }
    let parent = filesystem.parent(node);
    let is_java = |root: NodeId| {
        let bin = ledger.child(root, b"bin");
        bin.is_some_and(|bin| has_child(ledger, bin, "javac"))
    };
    match filesystem.name(node) {
        b"jmods" => is_java(parent),
        b"src.zip" | b"ct.sym" | b"javac" => is_java(parent) || is_java(filesystem.parent(parent)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use crate::rule::testing::check;

    #[test]
    fn sdk_in_runtime() {
        let image = "
CMD /app/server
RUN a
  opt/jdk/bin/javac 1_000_000
  opt/jdk/bin/java 1_000_000
  opt/jdk/jmods/a.jmod 70_000_000
  opt/jdk/lib/src.zip 50_000_000
  opt/jdk/lib/modules 130_000_000
  app/src.zip 9_000_000
  usr/local/go/pkg/tool/x 200_000_000
";
        check("build-sdk-in-runtime", image, &[321_000_000]);
        let runs = image.replace("/app/server", "go run .");
        check("build-sdk-in-runtime", &runs, &[]);
    }
}
