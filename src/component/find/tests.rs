use super::*;
use crate::ledger::testing::image;
use crate::package::Package;

const FREESURFER: &str = "
RUN curl https://surfer.nmr.mgh.harvard.edu/pub/dist/freesurfer/6.0.0/freesurfer-Linux-centos6.tar.gz
  opt/freesurfer/SetUpFreeSurfer.sh 100
  opt/freesurfer/bin/recon-all 50
  opt/freesurfer/bin/freeview.bin 700
  opt/freesurfer/build-stamp.txt = \"freesurfer-Linux-centos6_x86_64-stable-pub-v6.0.0-2beb96c\\n\"
  opt/freesurfer/subjects/bert/mri/T1.mgz 5_000
  opt/freesurfer/subjects/fsaverage/label 900
  opt/freesurfer/docs/x.pdf 30
";

fn found(text: &str, inventory: &Inventory) -> Vec<(Component, String)> {
    let (image, ledger) = image(text);
    let documents = Documents::new(&ledger);
    let components = find(&image, &ledger, &documents, inventory, &Knowledge::default());
    let path = |component: &Component| match component.root {
        Some(root) => String::from_utf8(ledger.filesystem().path(root)).unwrap(),
        None => String::new(),
    };
    components.into_iter().map(|component| (component.clone(), path(&component))).collect()
}

fn check(text: &str, expected: &[(&str, &str, Option<&str>)]) {
    let found = found(text, &Inventory::default());
    let found: Vec<_> = found
        .iter()
        .map(|(component, path)| {
            let version = component.version.as_ref().map(|(version, _)| version.as_str());
            (component.id.as_str(), path.as_str(), version)
        })
        .collect();
    assert_eq!(found, expected, "{text}");
}

#[test]
fn gtk_is_no_python_package() {
    let package =
        |ecosystem, name: &str| Package { ecosystem, name: name.to_owned(), ..Package::default() };
    let packages = vec![package(Ecosystem::Dpkg, "libwebkit2gtk-4.0-37")];
    let inventory = Inventory { packages, ..Inventory::default() };
    let found = found("RUN x\n  usr/lib/libwebkit2gtk-4.0.so.37 9\n", &inventory);
    let titles: Vec<_> =
        found.iter().map(|(component, _)| (&*component.title, component.check.is_none())).collect();
    assert_eq!(titles, [("GTK and WebKitGTK", true)]);
}

#[test]
fn components_are_found_by_their_paths() {
    check(FREESURFER, &[("freesurfer", "opt/freesurfer", Some("6.0.0"))]);
    check("RUN x\n  opt/x/bin/recon-all 50\n  opt/y/SetUpFreeSurfer.sh 1\n", &[]);
    check(
        "
RUN x
  opt/fsl/etc/fslversion = \"6.0.7.4\\n\"
  opt/fsl/bin/flirt 10
  opt/fsl/conda-meta/conda-23.json 10
  opt/conda/condabin/conda 5
  usr/local/bin/rclone 60_000_000
  usr/bin/gh 1000
  usr/local/aws-cli/v2/2.15.0/dist/aws 900
  usr/local/cuda-12.4/version.json = \"{\\\"cuda\\\": {\\\"version\\\": \\\"12.4.1\\\"}}\"
  usr/local/cuda -> cuda-12.4
",
        &[
            ("rclone", "usr/local/bin/rclone", None),
            ("aws-cli", "usr/local/aws-cli", Some("2.15.0")),
            ("cuda-toolkit", "usr/local/cuda-12.4", Some("12.4.1")),
            ("fsl", "opt/fsl", Some("6.0.7.4")),
            ("conda-dist", "opt/conda", None),
        ],
    );
}

#[test]
fn one_component_may_be_at_several_places_and_inside_another() {
    check(
        "
RUN wget https://github.com/x/quarto-1.4.550-linux-amd64.deb
  usr/lib/rstudio-server/bin/rserver 1000
  usr/lib/rstudio-server/bin/quarto/bin/quarto 10
  usr/lib/rstudio-server/bin/quarto/share/version = \"1.3\\n\"
  opt/quarto/bin/quarto 10
  opt/quarto/bin/tools/pandoc 20
",
        &[
            ("rstudio-server", "usr/lib/rstudio-server", None),
            ("quarto", "opt/quarto", Some("1.4.550")),
            ("quarto", "usr/lib/rstudio-server/bin/quarto", Some("1.3")),
        ],
    );
}

#[test]
fn the_command_line_of_aws_is_found_as_pip_puts_it_into_a_directory() {
    let image = "
RUN bash /opt/install.sh
  usr/local/aws-cli/awscli/__init__.py 10
  usr/local/aws-cli/awscli-1.32.30.dist-info/METADATA 5
";
    let inventory = Inventory {
        packages: vec![Package {
            ecosystem: Ecosystem::Python,
            name: "awscli".to_owned(),
            location: b"usr/local/aws-cli".to_vec(),
            version: Some("1.32.30".to_owned()),
            ..Package::default()
        }],
        notes: Vec::new(),
    };
    let found = found(image, &inventory);
    let (aws, path) = &found[0];
    assert_eq!((aws.id.as_str(), path.as_str(), found.len()), ("aws-cli", "usr/local/aws-cli", 1));
    assert_eq!(aws.version, Some(("1.32.30".to_owned(), "package awscli".to_owned())));
}

#[test]
fn a_directory_of_many_tools_is_no_root() {
    check(
        "RUN x\n  usr/local/bin/antsRegistration 5\n  usr/local/bin/N4BiasFieldCorrection 5\n",
        &[],
    );
    check(
        "RUN x\n  opt/ants-2.4.4/antsRegistration 5\n  opt/ants-2.4.4/N4BiasFieldCorrection 5\n",
        &[("ants", "opt/ants-2.4.4", Some("2.4.4"))],
    );
}

#[test]
fn a_directory_named_after_a_component_is_that_one() {
    let mrtrix = |directory: &str| {
        format!("  opt/{directory}/bin/mrconvert 5\n  opt/{directory}/lib/libmrtrix.so 5\n")
    };
    let names = ["ANTs-2.4.4", "mrtrix3", "ants", "antsy", "tools"].map(mrtrix);
    check(
        &format!(
            "RUN x\n{}RUN curl /ANTs/releases/download/v2.4.4/x\n{}",
            names[1..].concat(),
            names[0]
        ),
        &[
            ("ants", "opt/ANTs-2.4.4", Some("2.4.4")),
            ("ants", "opt/ants", None),
            ("mrtrix3", "opt/antsy", None),
            ("mrtrix3", "opt/mrtrix3", None),
            ("mrtrix3", "opt/tools", None),
        ],
    );
}

#[test]
fn parts_are_found_below_the_root() {
    let found = found(FREESURFER, &Inventory::default());
    let parts: Vec<_> = found[0]
        .0
        .parts
        .iter()
        .map(|part| (part.name.as_str(), part.risk.as_str(), part.nodes.len()))
        .collect();
    let expected = [
        ("example subjects", "review", 1),
        ("subjects/fsaverage", "keep", 1),
        ("graphical programs", "review", 1),
        ("documentation", "test", 1),
    ];
    assert_eq!(parts, expected);
    assert_eq!(found[0].0.steps, [0]);
}

#[test]
fn packages_make_components_by_prefix() {
    let package = |ecosystem, name: &str, location: &str, version: &str| Package {
        ecosystem,
        name: name.to_owned(),
        location: location.as_bytes().to_vec(),
        version: Some(version.to_owned()),
        ..Package::default()
    };
    let site = "opt/a/lib/python3.12/site-packages";
    let inventory = Inventory {
        packages: vec![
            package(Ecosystem::Conda, "pytorch", "opt/conda", "2.6.0"),
            package(Ecosystem::Conda, "libtorch", "opt/conda", "2.6.0"),
            package(Ecosystem::Python, "torch", site, "2.5.1+cpu"),
            package(Ecosystem::Python, "torchlike", site, "1"),
            package(Ecosystem::Dpkg, "libgdal34t64", "", "3.8.4"),
        ],
        notes: Vec::new(),
    };
    let text = format!("RUN pip install torch\n  {site}/torch/lib/libtorch_python.so 9\n");
    let found = found(&text, &inventory);
    let found: Vec<_> = found
        .iter()
        .map(|(component, path)| {
            let packages: Vec<u32> = component.packages.iter().map(|id| id.0).collect();
            let version = component.version.clone().map(|(version, _)| version);
            (component.id.as_str(), path.as_str(), packages, version.unwrap_or_default())
        })
        .collect();
    let torch = format!("{site}/torch");
    let expected = [
        ("gdal", "", vec![4], "3.8.4".to_owned()),
        ("pytorch", torch.as_str(), vec![2], "2.5.1+cpu".to_owned()),
        ("pytorch", "", vec![0, 1], "2.6.0".to_owned()),
    ];
    assert_eq!(found.len(), 3);
    for row in expected {
        assert!(found.contains(&row), "{row:?} in {found:?}");
    }
}

#[test]
fn of_roots_in_one_another_the_outermost_counts() {
    check(
        "
RUN x
  opt/conda/condabin/conda 1
  opt/conda/envs/a/condabin/conda 1
  opt/conda-b/condabin/conda 1
",
        &[("conda-dist", "opt/conda", None), ("conda-dist", "opt/conda-b", None)],
    );
}

#[test]
fn components_as_package_managers_and_archives_leave_them() {
    let image = "
RUN curl -fsSL https://nodejs.org/dist/v20.11.1/node-v20.11.1-linux.tar.xz | tar xJ
  usr/local/bin/node 30_000_000
RUN npm install -g code-server
  usr/lib/code-server/out/node/entry.js 20_000_000
  usr/lib/code-server/lib/vscode/package.json 10
  usr/lib/code-server/package.json = \"{\\\"version\\\": \\\"4.20.0\\\"}\"
RUN micromamba create
  opt/env/conda-meta/history 10_000_000
";
    let expected = [
        ("nodejs", "usr/local/bin/node", Some("20.11.1")),
        ("code-server", "usr/lib/code-server", Some("4.20.0")),
        ("conda-dist", "opt/env", None),
    ];
    check(image, &expected);
}

#[test]
fn a_step_names_what_it_stores_in_a_directory_of_the_name() {
    let clone = |directory: &str, files: &str| {
        format!(
            "
RUN git clone https://github.com/MRtrix3/mrtrix3.git && git checkout 3.0.4
  {directory}/src/a 90
{files}"
        )
    };
    let at = |path| [("mrtrix3", path, Some("3.0.4"))];
    check(&clone("home/x/mrtrix3", ""), &at("home/x/mrtrix3"));
    check(&clone("opt/MRtrix3-3.0", ""), &at("opt/MRtrix3-3.0"));
    // The directory around what gives it away.
    let inner = "  opt/mrtrix3/inner/bin/mrconvert 9\n  opt/mrtrix3/inner/lib/libmrtrix.so 9\n";
    check(&clone("opt/mrtrix3", inner), &at("opt/mrtrix3"));
    // Directories of many tools, of another name, of another step, and with nothing of the step.
    check(&clone("home/mrtrix3", ""), &[]);
    check(&clone("usr/local", ""), &[]);
    check(&clone("opt/tools", ""), &[]);
    check(&clone("opt/mrtrix3", "COPY . /\n  opt/mrtrix3/b 900\n"), &[]);
    check(&clone("opt", "COPY . /\n  opt/mrtrix3/b 900\n"), &[]);
    check("RUN make mrtrix3\n  opt/mrtrix3/src/a 90\n", &[]);
}

#[test]
fn what_names_a_component_is_kept() {
    let text = "
WORKDIR /opt/art
RUN curl -fsSL https://osf.io/73h5s/download | tar xz --strip-components 1
  opt/art/bin/x 90
RUN chmod -R a+w /opt/art
  opt/art/bin/y 40
";
    let found = found(text, &Inventory::default());
    let (art, path) = &found[0];
    assert_eq!((art.id.as_str(), path.as_str(), found.len()), ("art", "opt/art", 1));
    let naming = art.named.clone().unwrap();
    assert_eq!(naming.word, "https://osf.io/73h5s/download");
    assert_eq!(art.steps, [naming.step]);
    assert_eq!((&art.check, art.absent.len()), (&None, 0));
    // Its files say what it is: nothing needs to be named.
    assert_eq!(self::found(FREESURFER, &Inventory::default())[0].0.named, None);
}
