//! The same thing more than once, all of it visible.
//!
//! Equal contents are copies, of which one stays; tools, packages and libraries in several
//! versions are decisions. What a rule for caches and the like takes as a whole is no copy: it
//! goes anyway.

mod files;
mod jars;
mod libraries;
mod packages;
mod python;
mod roots;
mod runtimes;
#[cfg(test)]
mod tests;
mod tools;
mod similar;
mod trees;

use crate::rule::{Bands, Detect, Effort, Phase, Risk, Rule, copies};

const MB: u64 = 1_000_000;

/// What the rules of this family have in common.
const DUP: Rule = Rule {
    phase: Phase::Decision,
    risk: Risk::Test,
    effort: Effort::Step,
    bands: Bands::Normal,
    min: MB,
    detect: Detect::Layers(|_| Vec::new()),
    ..Rule::BLANK
};

pub(in crate::rule) const RULES: &[Rule] = &[
    Rule {
        id: "dup-identical-trees",
        title: "A whole directory copied",
        phase: Phase::Copies,
        min: copies::MIN,
        detect: Detect::Layers(trees::copied),
        why: "Two directories have the same names and contents, so that one of them and a link would do. A second unpacking, a cp -r, or a COPY of what is there already makes them.",
        fix: "{{snippet}}",
        caution: "Some loaders (of R and Java) want real directories.",
        check: "ls -l {{copy}}",
        links: &[],
        ..DUP
    },
    Rule {
        id: "dup-similar-trees",
        title: "Two directories that are nearly the same",
        phase: Phase::Copies,
        risk: Risk::Review,
        min: copies::MIN,
        detect: Detect::Layers(similar::similar),
        why: "Two releases of a tool, or two copies of which a step changed a few files, share nearly all of their contents, which no layer stores only once.",
        fix: "# leave out the step that makes {{copy}}, or keep in it only what differs from {{kept}}:\nRUN diff -rq {{kept}} {{copy}}",
        caution: "Both may be needed as they are, such as two versions that users choose from.",
        links: &[],
        ..DUP
    },
    Rule {
        id: "dup-identical-files",
        title: "Identical files at several paths",
        phase: Phase::Copies,
        detect: Detect::Layers(files::identical),
        why: "The contents are the same to the byte. Compression does not see that, so each copy is downloaded in full.",
        fix: "RUN {{cmd}} \\\n && ln -f {{kept}} {{copy}}",
        caution: "Python wheels bring libraries of their own on purpose (*.libs); the next upgrade of a package breaks a link to another package's file.",
        links: &[],
        ..DUP
    },
    Rule {
        id: "dup-tool-versions",
        title: "One tool installed more than once",
        risk: Risk::Review,
        effort: Effort::Line,
        bands: Bands::Review,
        min: tools::MIN,
        detect: Detect::Layers(tools::several),
        why: "Two places have commands of the same names, so they seem to be one tool in two versions. Only those that come first on PATH run by name.",
        fix: "# keep {{kept}} and leave out what makes {{dropped}}: {{steps}}{{settings}}",
        caution: "Names alone do not make one tool: see whether the two places are. Two major versions side by side may be meant. Before the larger copy goes, the other one has to have all of its commands.",
        check: "command -v {{command}}",
        links: &[],
        ..DUP
    },
    Rule {
        id: "dup-python-package",
        title: "Python packages in several places",
        effort: Effort::Line,
        min: 5 * MB,
        detect: Detect::Layers(python::packages),
        why: "Each environment has its own copy of the package. One environment, or one that sees the packages of the other, needs one.",
        fix: "RUN python -m venv --system-site-packages {{venv}}",
        caution: "Environments for different programs may need different versions; the packages of the distribution are for its own tools.",
        check: "python -c 'import importlib.metadata as m; print(m.version(\"{{package}}\"))'",
        links: &["https://docs.python.org/3/library/venv.html"],
        ..DUP
    },
    Rule {
        id: "dup-python-interpreters",
        title: "Several Python interpreters",
        risk: Risk::Review,
        effort: Effort::Stage,
        bands: Bands::Review,
        min: 30 * MB,
        detect: Detect::Layers(python::interpreters),
        why: "Each interpreter brings a standard library of its own.",
        fix: "RUN uv venv --python {{python}} /opt/venv",
        caution: "Tools that bring a Python of their own need it, and so do the tools of the distribution.",
        links: &["https://docs.astral.sh/uv/concepts/python-versions/"],
        ..DUP
    },
    Rule {
        id: "dup-node-runtimes",
        title: "Several Node.js runtimes",
        risk: Risk::Review,
        effort: Effort::Line,
        bands: Bands::Review,
        min: 40 * MB,
        detect: Detect::Layers(runtimes::node),
        why: "Each is a program of about 100 MB. JupyterLab's extensions are built already and need none.",
        fix: "# leave out the step, or the package, that brings {{path}}",
        caution: "Kernels and language servers may run with it; editors bring one of their own that has to stay.",
        check: "node --version",
        links: &[],
        ..DUP
    },
    Rule {
        id: "dup-java-runtimes",
        title: "Several Java runtimes",
        risk: Risk::Review,
        bands: Bands::Review,
        min: 50 * MB,
        detect: Detect::Layers(runtimes::java),
        why: "Programs that want the same major version can share one runtime.",
        fix: "RUN apt-get update \\\n && apt-get install -y --no-install-recommends {{package}} \\\n && rm -rf /var/lib/apt/lists/*\nENV JAVA_HOME={{home}}",
        caution: "Programs that bring a runtime (MATLAB, SNAP, IDEs) are tested with that one.",
        check: "java -version",
        links: &[],
        ..DUP
    },
    Rule {
        id: "dup-cuda-stacks",
        title: "CUDA libraries more than once",
        effort: Effort::Base,
        min: 100 * MB,
        detect: Detect::Layers(libraries::cuda),
        why: "Python wheels bring the CUDA libraries that they use and load those. The copy of the base image or of the system then lies idle.",
        fix: "FROM nvidia/cuda:{{version}}-base-{{os}}\n# the wheels bring cuBLAS, cuDNN and NCCL themselves",
        caution: "What is linked against the system's copy (packages of apt, extensions that are compiled in the image) needs it.",
        check: "python -c 'import torch; print(torch.cuda.is_available())'",
        links: &["https://hub.docker.com/r/nvidia/cuda"],
        ..DUP
    },
    Rule {
        id: "dup-shared-libraries",
        title: "A large library from several sources",
        risk: Risk::Review,
        bands: Bands::Review,
        min: 20 * MB,
        detect: Detect::Layers(libraries::shared),
        why: "Packages of different managers each bring the same library.",
        fix: "# take it from one manager only, for example:\nRUN pip install --no-binary {{package}} {{package}}",
        caution: "Copies of other versions may be needed side by side; wheels are built against their own.",
        links: &[],
        ..DUP
    },
    Rule {
        id: "dup-conda-installs",
        title: "conda environments that repeat packages",
        risk: Risk::Review,
        bands: Bands::Review,
        min: 50 * MB,
        detect: Detect::Layers(packages::conda),
        why: "Environments of one step share files by hard links; those of different steps cannot, and each has its own copy.",
        fix: "RUN mamba create -y -p {{first}} {{specs}} \\\n && mamba create -y -p {{second}} {{specs}} \\\n && mamba clean -afy",
        caution: "Files into which conda writes the prefix differ and are not counted.",
        links: &[],
        ..DUP
    },
    Rule {
        id: "dup-r-packages",
        title: "R packages in several libraries",
        effort: Effort::Line,
        min: 10 * MB,
        detect: Detect::Layers(packages::r),
        why: "R loads the first copy on its library path; the others are never used.",
        fix: "RUN Rscript -e 'bspm::enable(); install.packages(c({{packages}}))'",
        caution: "A newer version of a recommended package in the site library is usual.",
        check: "Rscript -e '.libPaths()'",
        links: &[],
        ..DUP
    },
    Rule {
        id: "dup-node-modules",
        title: "The same npm packages in several trees",
        min: 20 * MB,
        detect: Detect::Layers(packages::npm),
        why: "The same versions are installed in more than one node_modules.",
        fix: "RUN npm ci --omit=dev && npm dedupe && npm cache clean --force",
        caution: "Editors and other programs bring trees of their own, which are left out here.",
        links: &["https://docs.npmjs.com/cli/commands/npm-dedupe"],
        ..DUP
    },
    Rule {
        id: "dup-jars",
        title: "Java archives in several versions",
        risk: Risk::Review,
        bands: Bands::Review,
        min: 10 * MB,
        detect: Detect::Layers(jars::versions),
        why: "The same artifact is there in more than one version, often because two installations of a framework each bring theirs.",
        fix: "# keep one installation, for example Spark's own:\nENV SPARK_HOME={{kept}}",
        caution: "Plugins may have a class path of their own for a reason.",
        links: &[],
        ..DUP
    },
];
