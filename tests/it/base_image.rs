//! Which layers are the base image's, and how that is known.

use regsize::collect::BaseSource;
use regsize::oci::Digest;
use regsize::registry::address::AddressClass;
use serde_json::json;

use crate::support::layer::gzip;
use crate::support::registry::RunningRegistry;
use crate::support::{Image, Index, Layer, Library, Origin, Provenance, Registry, Report, Sandbox};

const NAME: &str = "org.opencontainers.image.base.name";
const DIGEST: &str = "org.opencontainers.image.base.digest";
const BUILDKIT: &str = "buildkit.dockerfile.v0";

fn base_image() -> Image {
    Image::new("linux/amd64")
        .layer(Layer::gzip("etc/os-release 300"), "ADD rootfs.tar /")
        .layer(Layer::gzip("usr/lib/libc.so 9000"), "RUN apt-get install libc")
}

/// Two layers of the base image and one more.
fn image() -> Image {
    base_image().layer(Layer::gzip("srv/app 5000"), "COPY app /srv")
}

/// The registry with the base image.
fn base_registry() -> RunningRegistry {
    let other = Image::new("linux/s390x").layer(Layer::gzip("etc/other 300"), "ADD other /");
    let index = Index::new().image(&other).image(&base_image());
    Registry::new()
        .put_image("library/base", "12", &index.bundle())
        .put_image("library/other", "12", &other.bundle())
        .put_image("library/single", "12", &base_image().bundle())
        .start_on(Origin::loopback(3))
}

fn inspect(image: &Image, options: &[&str]) -> Report {
    let registry = Registry::new().put_image("team/app", "latest", &image.bundle()).start();
    inspect_in(&registry, options)
}

fn inspect_in(registry: &RunningRegistry, options: &[&str]) -> Report {
    let reference = registry.reference("team/app");
    let arguments = [&["inspect", &reference, "--format", "json", "--retries", "0"], options];
    Report::of(&Sandbox::new().run(&arguments.concat()))
}

fn origins(report: &Report) -> Vec<&str> {
    report.shown().layers.iter().map(|layer| layer.origin.as_str()).collect()
}

fn assert_split(report: &Report, name: &str) {
    assert_eq!(origins(report), ["base", "base", "own"], "{name}");
    let sizes = &report.shown().sizes;
    let own = image().layers()[2].blob.len() as u64;
    assert_eq!(sizes.own.as_ref().map(|part| part.compressed), Some(own), "{name}");
}

#[test]
fn a_base_image_that_is_named_is_confirmed_by_its_layers_in_another_registry() {
    let bases = base_registry();
    let name = bases.reference("library/base:12");
    let digest = Digest::of(b"only the builder had it").to_string();
    let named = |key: &str| json!({key: name});
    let both = json!({NAME: name, DIGEST: digest});
    let check = |image: Image, evidence: &str| {
        let report = inspect(&image, &[]);
        assert_eq!(report.base(), Some((Some(2), evidence, true)));
        assert_split(&report, evidence);
        assert_eq!(report.shown().base.as_ref().unwrap().name, Some(name.clone()));
        assert_eq!(report.warnings, Vec::<String>::new());
    };
    check(image().annotations(&named(NAME)), "annotation");
    check(image().label(NAME, &name), "label");
    check(image().annotations(&both), "annotation");
    assert!(bases.count("GET", "/blobs/") == 0, "{:?}", bases.lines());
    let report = inspect(&image(), &["--base", &name]);
    assert_eq!(report.base(), Some((Some(2), "given", true)));
    assert_split(&report, "given");
    let single = bases.reference("library/single:12");
    assert_eq!(inspect(&image(), &["--base", &single]).base(), Some((Some(2), "given", true)));
}

#[test]
fn annotations_of_the_index_name_the_base_as_well() {
    let bases = base_registry();
    let name = bases.reference("library/base:12");
    let index = Index::new().image(&image()).change(json!({"annotations": {NAME: name}}));
    let registry = Registry::new().put_image("team/app", "latest", &index.bundle()).start();
    assert_split(&inspect_in(&registry, &[]), "index");
}

#[test]
fn the_base_of_the_builds_provenance_is_confirmed() {
    let bases = base_registry();
    let identifier = format!("docker-image://{}", bases.reference("library/base:12"));
    let steps = Provenance::new("FROM base:12\nCOPY app /srv\n").source(&identifier, 1, 2);
    let statement = steps.copy(2..=2, 3).statement(&image());
    let index = Index::new().image(&image()).attestation(&image(), &statement);
    let registry = Registry::new().put_image("team/app", "latest", &index.bundle()).start();
    let report = inspect_in(&registry, &[]);
    assert_split(&report, "provenance");
    assert_eq!(report.shown().base.as_ref().unwrap().evidence, "provenance");
}

#[test]
fn materials_without_steps_are_candidates_until_one_is_confirmed() {
    let bases = base_registry();
    let statement = |name: &str| {
        let uri = format!("pkg:docker/{}@12?platform=linux%2Famd64", bases.reference(name));
        let steps = Provenance::new("FROM base:12\n").minimal();
        steps.material(&uri, &base_image().digest()).statement(&image())
    };
    let base_of = |name: &str| {
        let index = Index::new().image(&image()).attestation(&image(), &statement(name));
        let registry = Registry::new().put_image("team/app", "latest", &index.bundle()).start();
        inspect_in(&registry, &[]).base().map(|(layers, by, sure)| (layers, by.to_owned(), sure))
    };
    assert_eq!(base_of("library/base"), Some((Some(2), "provenance".to_owned(), true)));
    assert_eq!(base_of("library/other"), None);
}

#[test]
fn a_base_that_was_compressed_again_is_known_by_its_uncompressed_digests() {
    let bases = base_registry();
    let again = |layer: &Layer| Layer {
        blob: {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
            std::io::Write::write_all(&mut encoder, &layer.tar).unwrap();
            encoder.finish().unwrap().into()
        },
        ..layer.clone()
    };
    let steps = ["ADD rootfs.tar /", "RUN apt-get install libc", "COPY app /srv"];
    let image = image()
        .layers()
        .iter()
        .zip(steps)
        .fold(Image::new("linux/amd64"), |image, (layer, step)| image.layer(again(layer), step));
    assert_ne!(image.layers()[0].blob, gzip(&image.layers()[0].tar));
    let report = inspect(&image, &["--base", &bases.reference("library/base:12")]);
    assert_eq!(report.base(), Some((Some(2), "given", true)));
    assert_eq!(origins(&report), ["base", "base", "own"]);
}

#[test]
fn a_base_with_other_layers_is_named_but_not_confirmed_and_marks_nothing() {
    let bases = base_registry();
    let name = bases.reference("library/other:12");
    let check = |image: &Image, options: &[&str], evidence: &str| {
        let report = inspect(image, options);
        assert_eq!(report.base(), Some((None, evidence, false)));
        assert_eq!(origins(&report), ["unknown"; 3]);
        assert!(report.shown().sizes.own.is_none());
        let [warning] = &report.warnings[..] else { panic!("{:?}", report.warnings) };
        assert!(warning.contains(&name) && warning.contains("not the image's lowest"), "{warning}");
    };
    check(&image(), &["--base", &name], "given");
    check(&image().label(NAME, &name), &[], "label");
    check(&image().annotations(&json!({NAME: name})), &[], "annotation");
}

#[test]
fn a_base_that_cannot_be_asked_about_costs_a_warning() {
    let bases = base_registry();
    bases.update(|content| content.deny("library/secret"));
    for name in ["library/gone:12", "library/base:gone", "library/secret:1"] {
        let report = inspect(&image(), &["--base", &bases.reference(name)]);
        assert_eq!(report.base(), Some((None, "given", false)), "{name}");
        let [warning] = &report.warnings[..] else { panic!("{name}: {:?}", report.warnings) };
        assert!(warning.contains(name) && warning.contains("could not be asked"), "{warning}");
    }
}

#[test]
fn a_name_of_the_builders_own_images_is_shown_but_not_asked_about() {
    let report = inspect(&image().annotations(&json!({NAME: "localhost/base:latest"})), &[]);
    assert_eq!(report.base(), Some((None, "annotation", false)));
    assert_eq!(report.warnings, Vec::<String>::new());
    let report = inspect(&image(), &["--base", "localhost/base:latest"]);
    assert_eq!(report.warnings.len(), 1, "{:?}", report.warnings);
}

fn entry(created_by: &str, comment: &str) -> serde_json::Value {
    json!({"created_by": created_by, "comment": comment})
}

/// The layers of [`image`] with these history entries.
fn with_history(entries: &[serde_json::Value]) -> Image {
    image().change_config(json!({"history": entries}))
}

#[test]
fn the_history_shows_the_base_where_nobody_names_one() {
    let empty = |created_by: &str| json!({"created_by": created_by, "empty_layer": true});
    let (add, run, copy) = ("ADD rootfs.tar /", "RUN apt-get install libc", "COPY app /srv");
    let check = |name: &str, entries: &[serde_json::Value], expected: Option<&str>| {
        let report = inspect(&with_history(entries), &["--no-base"]);
        assert_eq!(report.base(), Some((Some(2), "history", false)), "{name}");
        assert_split(&report, name);
        assert_eq!(report.shown().base.as_ref().unwrap().name.as_deref(), expected, "{name}");
    };
    let remark = "FROM docker.io/library/base:12";
    let named = [entry(add, ""), entry(run, ""), entry(copy, remark)];
    check("buildah's remark", &named, Some("docker.io/library/base:12"));
    let command = [entry(add, ""), entry(run, ""), empty("CMD [\"sh\"]"), entry(copy, "")];
    check("after a command", &command, None);
    let younger = [entry(add, ""), entry(run, ""), entry(copy, BUILDKIT)];
    check("BuildKit after another tool", &younger, None);
}

#[test]
fn a_boundary_in_the_history_is_not_that_of_a_base_which_is_named_elsewhere() {
    let command = json!({"created_by": "CMD [\"sh\"]", "empty_layer": true});
    let (add, run, copy) = (entry("ADD a /", ""), entry("RUN a", ""), entry("COPY a /", ""));
    let image = with_history(&[add, command, run, copy]);
    let report = inspect(&image, &["--no-base"]);
    assert_eq!(report.base(), Some((Some(1), "history", false)));
    let name = "registry.example/library/base:12";
    let report = inspect(&image.label(NAME, name), &["--no-base"]);
    assert_eq!(report.base(), Some((None, "label", false)));
    assert_eq!(origins(&report), ["unknown"; 3]);
}

#[test]
fn without_evidence_the_report_says_so() {
    let report = inspect(&image(), &[]);
    assert_eq!(report.base(), None);
    assert_eq!(origins(&report), ["unknown"; 3]);
    let registry = Registry::new().put_image("team/app", "latest", &image().bundle()).start();
    let text = Sandbox::new().run(&["inspect", &registry.reference("team/app")]);
    assert!(text.stdout.contains("no evidence of a base image"), "{text}");
}

#[test]
fn nobody_is_asked_if_that_is_not_wanted() {
    let bases = base_registry();
    let name = bases.reference("library/base:12");
    let report = inspect(&image().label(NAME, &name), &["--no-base"]);
    assert_eq!(report.base(), Some((None, "label", false)));
    assert_eq!(bases.lines(), Vec::<String>::new());
    assert_eq!(report.warnings, Vec::<String>::new());
}

#[test]
fn an_image_is_not_its_own_base_beyond_its_layers() {
    let bases = base_registry();
    let larger = image().layer(Layer::gzip("more 10"), "COPY more /");
    bases.update(|content| content.put_image("library/larger", "1", &larger.bundle()));
    let report = inspect(&image(), &["--base", &bases.reference("library/larger:1")]);
    assert_eq!(report.base(), Some((None, "given", false)));
}

#[test]
fn an_image_does_not_lead_to_a_registry_less_public_than_its_own() {
    let inside = Registry::new().start_on(Origin::loopback(2));
    let by_address = inside.reference("team/base:1");
    let by_name = by_address.replace("127.0.0.2", "localhost");
    for name in [by_address, by_name] {
        let image = Image::new("linux/amd64").label("org.opencontainers.image.base.name", &name);
        let registry = Registry::new().put_image("team/app", "latest", &image.bundle()).start();
        let mut library = Library::new();
        library.options.address_floor = Some(AddressClass::Public);
        library.base = BaseSource::Evidence;
        let inspection = library.inspect(&registry.reference("team/app:latest")).unwrap();
        let warned = inspection.warnings.iter().any(|text| text.contains("less public"));
        assert!(warned, "{name}: {inspection:?}");
        assert_eq!(inside.requests().len(), 0);
    }
}
