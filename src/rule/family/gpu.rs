//! Software for GPUs where none is used, and parts of CUDA that nothing runs.

use crate::image::Image;
use crate::ledger::AtomId;
use crate::package::{Ecosystem, Inventory, Package, PackageId};
use crate::pattern::component_fits;
use crate::rule::{
    Bands, Candidate, Claim, Detect, Effort, Facts, Paths, Phase, Phrase, Risk, Rule,
};

const MB: u64 = 1_000_000;

/// What the rules of this family have in common.
const GPU: Rule = Rule {
    phase: Phase::Decision,
    risk: Risk::Review,
    effort: Effort::Base,
    bands: Bands::Review,
    min: 50 * MB,
    ..Rule::BLANK
};

pub(in crate::rule) const RULES: &[Rule] = &[
    Rule {
        id: "gpu-build-of-framework",
        title: "Builds for GPUs in an image that seems to use none",
        effort: Effort::Line,
        min: 100 * MB,
        detect: Detect::Layers(framework),
        why: "Libraries for GPUs take most of such a framework, and without a GPU they are never \
              loaded. The builds for CPUs do not have them.",
        fix: "RUN pip install --no-cache-dir torch --index-url https://download.pytorch.org/whl/cpu\n\
              # conda: pytorch-cpu, or 'pytorch=*=cpu*'; TensorFlow: tensorflow-cpu",
        caution: "Whoever starts the image with a GPU needs them; nothing in the image tells.",
        check: "python -c 'import torch; print(torch.rand(2))'",
        links: &["https://pytorch.org/get-started/locally/"],
        ..GPU
    },
    Rule {
        id: "gpu-cuda-devel-base",
        title: "CUDA's compilers and headers",
        min: 500 * MB,
        detect: Detect::Paths(Paths::any(&[
            "usr/local/cuda*/bin/nvcc*",
            "usr/local/cuda*/bin/cudafe++",
            "usr/local/cuda*/bin/fatbinary",
            "usr/local/cuda*/bin/nvlink",
            "usr/local/cuda*/bin/ptxas",
            "usr/local/cuda*/nvvm/",
            "usr/local/cuda*/include/",
            "usr/local/cuda*/targets/*/include/",
            "usr/local/cuda*/targets/*/lib/*.a",
            "usr/local/cuda*/lib64/*.a",
            "usr/include/cudnn*",
            "usr/include/nccl*",
            "usr/lib/*-linux-gnu/libcudnn*.a",
            "usr/lib/*-linux-gnu/libnccl*.a",
        ])),
        why: "The devel flavour of CUDA's images is for compiling; what is compiled runs on the \
              runtime flavour.",
        fix: "# the runtime flavour of the same tag, or -base- where wheels bring their libraries:\nFROM nvidia/cuda:…-runtime-…",
        caution: "Code that is compiled while the image runs (Triton, Numba, DeepSpeed, RAPIDS) \
                  needs ptxas, NVVM or the headers.",
        check: "nvidia-smi && ldconfig -p | grep libcudart",
        links: &["https://hub.docker.com/r/nvidia/cuda"],
        ..GPU
    },
    Rule {
        id: "gpu-static-libs",
        title: "Static libraries of CUDA",
        phase: Phase::Rare,
        risk: Risk::Test,
        effort: Effort::Line,
        bands: Bands::Normal,
        detect: Detect::Paths(Paths::any(&[
            "usr/local/cuda*/lib64/*_static*.a",
            "usr/local/cuda*/lib64/libculibos.a",
            "usr/local/cuda*/targets/*/lib/*_static*.a",
            "usr/local/cuda*/targets/*/lib/libculibos.a",
            "usr/lib/*-linux-gnu/libcudnn*_static*.a",
            "usr/lib/*-linux-gnu/libnccl_static.a",
        ])),
        why: "Static libraries are read by a linker alone; programs load the shared ones.",
        fix: "RUN {{cmd}} \\\n && find /usr/local/cuda*/ -name '*_static*.a' -delete",
        caution: "A later step that links against them fails, nvcc's default runtime among them.",
        ..GPU
    },
    Rule {
        id: "gpu-tools-and-samples",
        title: "Profilers, debuggers and samples of CUDA",
        risk: Risk::Test,
        detect: Detect::Paths(
            Paths::any(&[
                "usr/local/cuda*/nsight*/",
                "usr/local/cuda*/libnsight/",
                "usr/local/cuda*/libnvvp/",
                "usr/local/cuda*/extras/",
                "usr/local/cuda*/samples/",
                "usr/local/cuda*/doc/",
                "usr/local/cuda*/jre/",
                "usr/local/cuda*/compute-sanitizer/",
                "usr/local/cuda*/bin/cuda-gdb*",
                "opt/nvidia/nsight*/",
            ])
            .except(&["usr/local/cuda*/extras/CUPTI/"]),
        ),
        why: "They are for writing and measuring programs; running one needs none of them.",
        fix: "# the runtime flavour of the same tag:\nFROM nvidia/cuda:…-runtime-…",
        caution: "An image for profiling is made for them.",
        ..GPU
    },
    Rule {
        id: "gpu-companion-frameworks",
        title: "Companions of a framework that no other package needs",
        effort: Effort::Line,
        detect: Detect::Layers(companions),
        why: "Instructions for installing a framework often name its companions, whether a program \
              uses them or not. No installed package needs these.",
        fix: "RUN pip install --no-cache-dir torch   # without {{name}}",
        caution: "The image's own programs may import them; their imports are not looked at.",
        check: "python -c 'import torch'",
        ..GPU
    },
];

/// Libraries of frameworks that have code for GPUs alone.
const LIBRARIES: [&[u8]; 8] = [
    b"libtorch_cuda*.so*",
    b"libc10_cuda.so*",
    b"libcaffe2_nvrtc.so*",
    b"libonnxruntime_providers_cuda.so",
    b"libonnxruntime_providers_tensorrt.so",
    b"libjax_cuda*.so*",
    b"xla_cuda_plugin.so",
    b"libmagma*.so*",
];

/// Packages of Python and conda that are for GPUs alone.
const PACKAGES: [&[u8]; 33] = [
    b"nvidia-*-cu*",
    b"jax-cuda*",
    b"cupy*",
    b"cudf*",
    b"dask-cudf*",
    b"dask-cuda",
    b"cuml*",
    b"cugraph*",
    b"cuspatial*",
    b"cucim*",
    b"rmm*",
    b"pylibraft*",
    b"raft-dask*",
    b"tensorrt*",
    b"cuda-*",
    b"cudatoolkit",
    b"cudnn",
    b"nccl",
    b"libcudf*",
    b"libcuml*",
    b"libcugraph*",
    b"libraft*",
    b"librmm*",
    b"libcublas*",
    b"libcudnn*",
    b"libcufft*",
    b"libcufile*",
    b"libcurand*",
    b"libcusolver*",
    b"libcusparse*",
    b"libnvjitlink*",
    b"libnpp*",
    b"libnvjpeg*",
];

/// What an image has for GPUs, if nothing says that it runs on one.
fn framework(facts: &Facts<'_>) -> Vec<Candidate> {
    if expects_gpu(facts.image) {
        return Vec::new();
    }
    let is_library = |file: AtomId| {
        let name = facts.ledger.name(file);
        LIBRARIES.iter().any(|pattern| component_fits(pattern, name))
    };
    let files = facts.ledger.live().iter().copied().filter(|file| {
        let package = facts.owners.package(*file).map(|id| facts.inventory.package(id));
        package.is_some_and(is_for_gpus) || is_library(*file)
    });
    let mut files: Vec<(AtomId, u32)> = files.map(|file| (file, CLOSE)).collect();
    files.extend(toolkit(facts).into_iter().map(|file| (file, 0)));
    files.sort_unstable_by_key(|(file, closeness)| (*file, std::cmp::Reverse(*closeness)));
    files.dedup_by_key(|(file, _)| *file);
    if files.is_empty() {
        return Vec::new();
    }
    let names = frameworks(facts.inventory);
    let message = if names.is_empty() {
        Phrase::words("Libraries for GPUs are installed, and nothing says that the image uses one")
    } else {
        Phrase::words("")
            .name(names.join(", "))
            .and(" for GPUs is installed, and nothing says that the image uses one")
    };
    let note = "The savings are the libraries for GPUs alone; what the build for CPUs has in their \
                place is not counted.";
    vec![Candidate::new("", message, Claim::Files(files)).note(Phrase::words(note))]
}

/// What is visible of CUDA's own installation; rules that know its parts describe it more closely.
fn toolkit(facts: &Facts<'_>) -> Vec<AtomId> {
    let components = facts.components.iter().enumerate();
    let of_cuda = components.filter(|(_, component)| component.id == "cuda-toolkit");
    let files = of_cuda.flat_map(|(at, _)| facts.of_component(at)).copied();
    files.filter(|file| facts.ledger.atom(*file).is_live()).collect()
}

/// Rather than by rules that look at packages one by one.
const CLOSE: u32 = 50;

/// Whether an image says that it is for GPUs.
pub(super) fn expects_gpu(image: &Image) -> bool {
    let env = image.runtime.env.keys();
    let by_env = env.into_iter().any(|name| {
        name.starts_with("NVIDIA_") || name.starts_with("NV_CUDA") || name == "CUDA_VERSION"
    });
    let names_gpu = |text: &str| {
        let text = text.to_ascii_lowercase();
        ["cuda", "nvidia", "rapids", "gpu"].iter().any(|word| text.contains(word))
    };
    let base = image.base.as_ref().and_then(|base| base.name.as_deref());
    let labels = image.labels.iter().chain(&image.annotations);
    by_env || base.is_some_and(names_gpu) || labels.into_iter().any(|(_, text)| names_gpu(text))
}

/// Whether a package is for GPUs alone.
pub(super) fn is_for_gpus(package: &Package) -> bool {
    let is_python = matches!(package.ecosystem, Ecosystem::Python | Ecosystem::Conda);
    is_python && PACKAGES.iter().any(|pattern| component_fits(pattern, package.name.as_bytes()))
}

/// Frameworks of which a build for GPUs is installed, with their versions.
fn frameworks(inventory: &Inventory) -> Vec<String> {
    let mut names: Vec<String> = inventory
        .installed()
        .map(|(_, package)| package)
        .filter(|package| is_gpu_build(package))
        .map(|package| match &package.version {
            Some(version) => format!("{} {version}", package.name),
            None => package.name.clone(),
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Whether a package is a framework in a build for GPUs.
fn is_gpu_build(package: &Package) -> bool {
    let version = package.version.as_deref().unwrap_or_default();
    let build = package.build.as_deref().unwrap_or_default();
    let name = package.name.as_str();
    match package.ecosystem {
        Ecosystem::Python => match name {
            "torch" => version.contains("+cu"),
            "onnxruntime-gpu" | "tensorflow-gpu" => true,
            _ => name.starts_with("jax-cuda") || name.starts_with("cupy"),
        },
        Ecosystem::Conda => match name {
            "cudf" | "cuml" | "cupy" => true,
            "pytorch" | "libtorch" | "tensorflow-base" | "jaxlib" => build.starts_with("cuda"),
            _ => false,
        },
        _ => false,
    }
}

/// Packages that come with a framework and may not be needed.
const COMPANIONS: [&str; 6] =
    ["torchvision", "torchaudio", "torchtext", "tensorflow-text", "tensorboard", "opencv-python"];

fn companions(facts: &Facts<'_>) -> Vec<Candidate> {
    let unneeded = unneeded(facts.inventory);
    let candidate = |(id, package): (PackageId, &Package)| {
        let files = facts
            .ledger
            .live()
            .iter()
            .copied()
            .filter(|file| facts.owners.package(*file) == Some(id));
        let files: Vec<(AtomId, u32)> = files.map(|file| (file, CLOSE + 1)).collect();
        let message = Phrase::words("No other package needs ").name(package.name.clone());
        let anchor = format!("{} {}", package.name, String::from_utf8_lossy(&package.location));
        let candidate = Candidate::new(anchor, message, Claim::Files(files));
        candidate.fill("name", package.name.clone())
    };
    unneeded.into_iter().map(candidate).collect()
}

/// Companions that no installed package of the same ecosystem depends on.
fn unneeded(inventory: &Inventory) -> Vec<(PackageId, &Package)> {
    let is_companion = |package: &Package| {
        let is_python = matches!(package.ecosystem, Ecosystem::Python | Ecosystem::Conda);
        is_python && COMPANIONS.contains(&package.name.as_str())
    };
    let is_needed = |package: &Package| {
        inventory.of(package.ecosystem).any(|(_, other)| {
            let mut names = other.depends.iter().flat_map(|dependency| &dependency.any);
            other.name != package.name && names.any(|name| *name == package.name)
        })
    };
    let headless =
        inventory.installed().any(|(_, package)| package.name == "opencv-python-headless");
    let companions = inventory.installed().filter(|(_, package)| is_companion(package));
    companions
        .filter(|(_, package)| package.name != "opencv-python" || headless)
        .filter(|(_, package)| !is_needed(package))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::Dependency;
    use crate::rule::testing::{check, check_with};

    #[test]
    fn builds_of_frameworks() {
        let torch = "
RUN pip install torch
  usr/lib/python3/site-packages/torch/lib/libtorch_cuda.so 900_000_000
  usr/lib/python3/site-packages/torch/lib/libtorch_cpu.so 400_000_000
";
        check("gpu-build-of-framework", torch, &[900_000_000]);
        let toolkit = "
RUN apt-get install cuda-libraries-12-4
  usr/local/cuda-12.4/version.json 9
  usr/local/cuda-12.4/lib64/libcublas.so.12 500_000_000
";
        check("gpu-build-of-framework", toolkit, &[500_000_009]);
        // The image says that it is for GPUs.
        let told = format!("ENV NVIDIA_VISIBLE_DEVICES=all\n{torch}");
        check("gpu-build-of-framework", &told, &[]);
    }

    #[test]
    fn devel_base() {
        check(
            "gpu-cuda-devel-base",
            "
RUN apt-get install cuda
  usr/local/cuda-12.4/bin/nvcc 300_000_000
  usr/local/cuda-12.4/targets/x86_64-linux/include/a.h 250_000_000
  usr/local/cuda-12.4/lib64/libcublas.so.12 900_000_000
",
            &[550_000_000],
        );
        check("gpu-cuda-devel-base", "RUN x\n  usr/local/cuda/bin/nvcc 20_000_000\n", &[]);
    }

    #[test]
    fn static_libraries() {
        check(
            "gpu-static-libs",
            "
RUN apt-get install cuda
  usr/local/cuda-12.4/targets/x86_64-linux/lib/libcublas_static.a 90_000_000
  usr/lib/x86_64-linux-gnu/libcudnn_adv_static_v9.a 30_000_000
  usr/local/cuda-12.4/targets/x86_64-linux/lib/libcublas.so.12 90_000_000
",
            &[120_000_000],
        );
        check("gpu-static-libs", "RUN x\n  opt/x/lib/libx_static.a 90_000_000\n", &[]);
    }

    #[test]
    fn tools_and_samples() {
        check(
            "gpu-tools-and-samples",
            "
RUN apt-get install cuda
  usr/local/cuda-12.4/nsight-compute-2024.1/ncu 90_000_000
  opt/nvidia/nsight-compute/2024.1/ncu 10_000_000
  usr/local/cuda-12.4/extras/CUPTI/lib64/libcupti.so.12 80_000_000
",
            &[100_000_000],
        );
        check("gpu-tools-and-samples", "RUN x\n  opt/nsight/x 90_000_000\n", &[]);
    }

    fn package(ecosystem: Ecosystem, name: &str, version: &str, build: Option<&str>) -> Package {
        Package {
            ecosystem,
            name: name.to_owned(),
            version: Some(version.to_owned()),
            build: build.map(str::to_owned),
            ..Package::default()
        }
    }

    #[test]
    fn packages_for_gpus_are_known() {
        use Ecosystem::{Conda, Dpkg, Python};
        let check = |ecosystem, name: &str, expected: bool| {
            assert_eq!(is_for_gpus(&package(ecosystem, name, "1", None)), expected, "{name}");
        };
        check(Python, "nvidia-cublas-cu12", true);
        check(Python, "jax-cuda12-plugin", true);
        check(Python, "cupy-cuda12x", true);
        check(Conda, "libcublas", true);
        check(Conda, "cuda-nvrtc", true);
        check(Python, "torch", false);
        check(Python, "nvidia-ml-py", false);
        check(Dpkg, "libcublas-12-4", false);
        let build = |ecosystem, name: &str, version: &str, build, expected: bool| {
            let package = package(ecosystem, name, version, build);
            assert_eq!(is_gpu_build(&package), expected, "{name} {version}");
        };
        build(Python, "torch", "2.5.1+cu124", None, true);
        build(Python, "torch", "2.5.1+cpu", None, false);
        build(Python, "torch", "2.5.1+rocm6.2", None, false);
        build(Conda, "pytorch", "2.6.0", Some("cuda126_mkl_py312"), true);
        build(Conda, "pytorch", "2.6.0", Some("cpu_mkl_py312"), false);
    }

    #[test]
    fn companions_that_nothing_needs() {
        let torchvision = || package(Ecosystem::Python, "torchvision", "0.20", None);
        let needing = Package {
            depends: vec![Dependency { any: vec!["torchvision".to_owned()] }],
            ..package(Ecosystem::Python, "timm", "1", None)
        };
        let check = |packages: Vec<Package>, expected: &[&str]| {
            let inventory = Inventory { packages, notes: Vec::new() };
            let names: Vec<&str> =
                unneeded(&inventory).iter().map(|(_, package)| package.name.as_str()).collect();
            assert_eq!(names, expected);
        };
        check(vec![torchvision()], &["torchvision"]);
        check(vec![torchvision(), needing], &[]);
        let text = "
RUN pip install torch torchvision
  srv/p/torchvision/a.so 70_000_000
  srv/p/torchvision/b.py 5_000_000
  srv/p/torch/c.so 900_000_000
";
        let rows = "python +torchvision 0.20 srv/p/torchvision\npython +torch 2 srv/p/torch\n";
        check_with("gpu-companion-frameworks", text, rows, &[75_000_000]);
        let needed = format!("{rows}python +timm 1 > torchvision\n");
        check_with("gpu-companion-frameworks", text, &needed, &[]);
        // Without a second OpenCV beside it, it is no companion.
        check(vec![package(Ecosystem::Python, "opencv-python", "4", None)], &[]);
    }
}
