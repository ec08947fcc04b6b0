use super::super::testing::{check, needs, one, paths, read};

const IMAGE: &str = r#"
RUN conda install
  opt/conda/conda-meta/history = "==> x <==\n# update specs: ['numpy']\n"
  opt/conda/conda-meta/numpy-1.26.4-py312_0.json = "{\"build\":\"py312_0\",\"depends\":[\"python >=3.12\",\"__glibc >=2\",\"libblas 3.*\"],\"files\":[\"bin/f2py\",\"lib/python3.12/site-packages/numpy/a.py\",\"../../../../../x\"],\"name\":\"numpy\",\"paths_data\":{\"paths\":[{\"_path\":\"bin/f2py\",\"size_in_bytes\":5},{\"_path\":\"x\",\"size_in_bytes\":7}]},\"subdir\":\"linux-64\",\"version\":\"1.26.4\"}"
  opt/conda/conda-meta/python-3.12.0-h1_0_cpython.json = "{\"name\":\"python\",\"files\":[\"bin/python3.12\"],\"depends\":["
  opt/conda/conda-meta/state.json = "{}"
  opt/conda/bin/f2py 5
  opt/conda/bin/python3.12 50
  opt/conda/lib/python3.12/site-packages/numpy/a.py 10
  opt/conda/envs/x/conda-meta/numpy-1.26.4-py312_0.json => opt/conda/conda-meta/numpy-1.26.4-py312_0.json
  opt/conda/envs/x/bin/f2py => opt/conda/bin/f2py
RUN conda update
  -opt/conda/conda-meta/python-3.12.0-h1_0_cpython.json
"#;

#[test]
fn records_of_every_prefix_are_packages() {
    check(
        IMAGE,
        &[
            "conda numpy 1.26.4 in opt/conda",
            "conda python 3.12.0 in opt/conda removed",
            "conda numpy 1.26.4 in opt/conda/envs/x",
            "note opt/conda/conda-meta/numpy-1.26.4-py312_0.json",
            "note opt/conda/conda-meta/python-3.12.0-h1_0_cpython.json",
            "note opt/conda/envs/x/conda-meta/numpy-1.26.4-py312_0.json",
        ],
    );
    let inventory = read(IMAGE);
    let [numpy, python, other] = &inventory.packages[..] else { panic!("three") };
    assert_eq!(needs(numpy), ["python", "libblas"]);
    assert_eq!((numpy.build.as_deref(), numpy.declared), (Some("py312_0"), Some(12)));
    assert_eq!(numpy.architecture.as_deref(), Some("linux-64"));
    assert_eq!(python.build.as_deref(), Some("h1_0_cpython"));
    let requested = [numpy, python, other].map(|package| package.requested);
    assert_eq!(requested, [Some(true), Some(false), None]);
    // With the record itself.
    assert_eq!([numpy, python, other].map(|package| package.files.len()), [3, 2, 2]);
}

#[test]
fn files_are_below_the_prefix() {
    let expected =
        ["opt/conda/bin/python3.12", "opt/conda/conda-meta/python-3.12.0-h1_0_cpython.json"];
    assert_eq!(paths(IMAGE, "python"), expected);
    assert_eq!(one(IMAGE, "python").layer, 0);
}
