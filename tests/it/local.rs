//! Images in files of this machine: the same figures as from a registry, and errors that say what
//! to do.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::archive::{
    Files, archive, changed, header, layout, saved, saved_compressed, write,
};
use crate::support::layer::gzip;
use crate::support::real::run;
use crate::support::sandbox::{Output, Running};
use crate::support::{
    Image, Index, Layer, Provenance, Registry, Sandbox, Workshop, accepted, refused,
};

fn image() -> Image {
    let base = "etc/\n etc/passwd 700\n usr/lib/big 40000\n usr/lib/small 300\n \
                etc/os-release \"ID=debian\\nVERSION_ID=12\\n\"";
    Image::new("linux/amd64")
        .layer(Layer::gzip(base), "ADD rootfs.tar / # buildkit")
        .step("ENV LANG=C")
        .layer(Layer::zstd("usr/lib/big 41000 seed=new\n var/cache/list 5000"), "RUN make")
        .layer(Layer::plain("var/cache/.wh.list 0\n srv/app 9000"), "RUN make clean")
}

/// The same image with nothing compressed.
fn plain_image() -> Image {
    let parts = image();
    let plain =
        |layer: &Layer| Layer::from_tar(layer.tar.clone(), crate::support::Compression::None);
    let [base, middle, top] = [0, 1, 2].map(|at| plain(&parts.layers()[at]));
    Image::new("linux/amd64")
        .layer(base, "ADD rootfs.tar / # buildkit")
        .step("ENV LANG=C")
        .layer(middle, "RUN make")
        .layer(top, "RUN make clean")
}

/// What a command reports of `team/app:latest` in a registry that has the image.
fn of_registry(image: &Image, command: &str) -> Value {
    let registry = Registry::new().put_image("team/app", "latest", &image.bundle()).start();
    accepted(&Sandbox::new(), &[command, &registry.reference("team/app:latest")])
}

/// A report without what names the place.
fn bare(mut report: Value) -> Value {
    let fields = report.as_object_mut().unwrap();
    for place in ["reference", "warnings", "rate_limit"] {
        fields.remove(place);
    }
    // A file may be the image of one platform of several.
    for findings in fields.values_mut().filter_map(Value::as_array_mut) {
        findings.retain(|finding| finding["rule"] != "platform-missing");
    }
    for image in fields["images"].as_array_mut().unwrap() {
        image["snapshot"]["reference"].take();
        // A registry has layers as a push left them.
        let sizes = image.pointer_mut("/snapshot/sizes").and_then(Value::as_object_mut);
        sizes.map(|sizes| sizes.remove("plain_layers"));
    }
    report
}

fn piped(sandbox: &Sandbox, arguments: &[&str], bytes: &[u8]) -> Output {
    let mut command = sandbox.command(arguments);
    command.stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    // One that ends early does not read all.
    let writer = std::thread::spawn(move || drop(input.write_all(&bytes)));
    let output = Running::of(child).finish();
    writer.join().unwrap();
    output
}

#[test]
fn layouts_and_archives_give_the_figures_of_the_registry() {
    let files = layout(&[("latest", &image().bundle())]);
    let mut backwards = files.clone();
    backwards.reverse();
    for command in ["inspect", "analyze", "packages"] {
        let sandbox = Sandbox::new();
        write(&sandbox.path("layout"), &files);
        let path = |name: &str, bytes: &[u8]| sandbox.write(name, bytes).display().to_string();
        let plain = path("a.tar", &archive(&files));
        let zipped = path("a.tar.gz", &gzip(&archive(&backwards)));
        let zstd = path("a.tar.zst", &zstd::bulk::compress(&archive(&files), 1).unwrap());
        let expected = bare(of_registry(&image(), command));
        for typed in [
            format!("oci:{}", sandbox.path("layout").display()),
            format!("oci:{}:latest", sandbox.path("layout").display()),
            format!("oci-archive:{plain}"),
            format!("oci-archive:{zipped}:latest"),
            format!("oci-archive:{zstd}"),
        ] {
            let report = accepted(&sandbox, &[command, &typed, "--no-cache"]);
            assert_eq!(report["reference"], *typed);
            assert_eq!(bare(report), expected, "{command} {typed}");
        }
        for bytes in [archive(&files), archive(&backwards), gzip(&archive(&files)).to_vec()] {
            let arguments = [command, "-", "--no-cache", "--format", "json"];
            let output = piped(&sandbox, &arguments, &bytes);
            assert_eq!(output.code, Some(0), "{output}");
            assert_eq!(output.json()["reference"], "-");
            assert_eq!(bare(output.json()), expected, "{command} -");
        }
    }
}

#[test]
fn docker_archives_give_the_figures_of_an_image_that_is_not_compressed() {
    let expected = of_registry(&plain_image(), "analyze");
    let sandbox = Sandbox::new();
    let bytes = archive(&saved(&image(), &["team/app:latest"]));
    let path = sandbox.write("saved.tar", &bytes).display().to_string();
    let check = |report: &Value, typed: &str| {
        let (image, expected) = (&report["images"][0], &expected["images"][0]);
        for field in
            ["visible", "shadowed", "efficiency", "waste", "findings", "config_digest", "owners"]
        {
            assert_eq!(image[field], expected[field], "{field} of {typed}");
        }
        for (layer, expected) in
            image["layers"].as_array().unwrap().iter().zip(expected["layers"].as_array().unwrap())
        {
            for field in ["compressed", "content", "uncompressed", "digest", "diff_id", "step"] {
                assert_eq!(layer[field], expected[field], "{field} of {typed}");
            }
        }
        let warnings = report["warnings"].to_string();
        assert!(warnings.contains("3 of 3 layers are stored uncompressed here"), "{warnings}");
    };
    for typed in [format!("docker-archive:{path}"), format!("docker-archive:{path}:team/app")] {
        check(&accepted(&sandbox, &["analyze", &typed]), &typed);
    }
    let output = piped(&sandbox, &["analyze", "-", "--format", "json"], &bytes);
    check(&output.json(), "-");
    let compressed = Image::new("linux/amd64").layer(Layer::gzip("srv/app 9000"), "RUN make");
    let typed = sandbox.write("bazel.tar", archive(&saved_compressed(&compressed, &[])));
    let typed = format!("docker-archive:{}", typed.display());
    let report = accepted(&sandbox, &["analyze", &typed]);
    let blob = &compressed.layers()[0].blob;
    assert_eq!(report["images"][0]["layers"][0]["compressed"], blob.len());
    let digest = regsize::oci::Digest::of(blob);
    assert_eq!(report["images"][0]["layers"][0]["digest"], digest.to_string());
    assert_eq!(report["warnings"], json!([]));
}

#[test]
fn a_listing_that_was_read_from_files_serves_the_registry_and_the_other_way() {
    let image = image();
    let registry = Registry::new().put_image("team/app", "latest", &image.bundle()).start();
    let sandbox = Sandbox::new();
    write(&sandbox.path("layout"), &layout(&[("latest", &image.bundle())]));
    let typed = format!("oci:{}", sandbox.path("layout").display());
    assert!(
        accepted(&sandbox, &["analyze", &typed])["images"][0]["transferred"].as_u64() > Some(0)
    );
    let again = accepted(&sandbox, &["analyze", &registry.reference("team/app:latest")]);
    assert_eq!(again["images"][0]["transferred"], 0);
    let again = accepted(&sandbox, &["analyze", &typed]);
    assert_eq!(again["images"][0]["transferred"], 0);
}

#[test]
fn files_of_an_image_are_listed_whatever_it_is_read_from() {
    let sandbox = Sandbox::new();
    let bytes = archive(&layout(&[("latest", &image().bundle())]));
    let typed = format!("oci-archive:{}", sandbox.write("a.tar", &bytes).display());
    let listed = accepted(&sandbox, &["files", &typed, "/", "--all", "--no-cache"]);
    let arguments = ["files", "-", "/", "--all", "--no-cache", "--format", "json"];
    let output = piped(&sandbox, &arguments, &bytes);
    assert_eq!(output.json()["entries"], listed["entries"], "{output}");
    let one = accepted(&sandbox, &["files", &typed, "--layer", "2", "--all"]);
    assert!(one.to_string().contains("srv/app"), "{one}");
}

#[test]
fn several_platforms_and_attestations_are_read_from_a_layout() {
    let images = ["linux/amd64", "linux/arm64"]
        .map(|name| Image::new(name).layer(Layer::gzip(&format!("{name}/x 900")), "COPY x /"));
    let provenance = Provenance::new("FROM scratch\n");
    let index = images.iter().fold(Index::new(), |index, image| {
        index.image(image).attestation(image, &provenance.statement(image))
    });
    let sandbox = Sandbox::new();
    let files = layout(&[("latest", &index.bundle())]);
    write(&sandbox.path("all"), &files);
    let typed = format!("oci:{}", sandbox.path("all").display());
    let report = accepted(&sandbox, &["inspect", &typed, "--all-platforms"]);
    assert_eq!(report["images"].as_array().unwrap().len(), 2, "{report}");
    let registry = Registry::new().put_image("team/app", "latest", &index.bundle()).start();
    let reference = registry.reference("team/app:latest");
    let expected = accepted(&Sandbox::new(), &["inspect", &reference, "--all-platforms"]);
    assert_eq!(bare(report), bare(expected));
    // What saves one platform lists the others, too.
    let other = images[1].digest();
    let some: Files = files.into_iter().filter(|(name, _)| !name.ends_with(other.hex())).collect();
    write(&sandbox.path("some"), &some);
    let typed = format!("oci:{}", sandbox.path("some").display());
    let report = accepted(&sandbox, &["inspect", &typed]);
    assert_eq!(report["images"].as_array().unwrap().len(), 1, "{report}");
    assert!(report["warnings"].to_string().contains("not in the files: linux/arm64"), "{report}");
}

#[test]
fn an_image_of_several_is_chosen_by_name() {
    let (one, two) = (image(), plain_image());
    let sandbox = Sandbox::new();
    write(&sandbox.path("two"), &layout(&[("v1", &one.bundle()), ("v2", &two.bundle())]));
    let layout = format!("oci:{}", sandbox.path("two").display());
    let report = accepted(&sandbox, &["inspect", &format!("{layout}:v2")]);
    assert_eq!(report["digest"], two.digest().to_string());
    let report = accepted(&sandbox, &["inspect", &format!("{layout}:@0")]);
    assert_eq!(report["digest"], one.digest().to_string());
    let refuse = |typed: &str, kind: &str, parts: &[&str]| {
        refused(&sandbox, &["inspect", typed], kind).says(parts);
    };
    refuse(&layout, "usage", &["has 2 images: v1, v2", "choose one: oci:", ":NAME"]);
    refuse(&format!("{layout}:v3"), "not_found", &["no image v3", "among its 2 images are v1, v2"]);
}

#[test]
fn what_cannot_be_read_is_told_with_what_to_do() {
    let sandbox = Sandbox::new();
    let home = sandbox.path("home");
    let files = layout(&[("latest", &image().bundle())]);
    let bytes = archive(&files);
    write(&home.join("layout"), &files);
    write(&home.join("saved"), &saved(&image(), &["app:1"]));
    std::fs::create_dir(home.join("empty")).unwrap();
    for (name, content) in [
        ("oci.tar", &bytes[..]),
        ("docker.tar", &archive(&saved(&image(), &["app:1"]))),
        ("cut.tar", &bytes[..bytes.len() / 2]),
        ("cut.tar.gz", &gzip(&bytes)[..2000]),
        ("text", b"not an archive\n"),
        ("bzip2", b"BZh91AY&SY rest"),
        ("other.tar", &archive(&vec![("etc/motd".to_owned(), "hello".into())])),
        ("nothing", b""),
    ] {
        std::fs::write(home.join(name), content).unwrap();
    }
    run("mkfifo", "coreutils", &[home.join("layout/pipe").to_str().unwrap()]);
    let check = |typed: &str, kind: &str, parts: &[&str]| {
        refused(&sandbox, &["analyze", typed], kind).says(parts);
    };
    check("oci:absent", "not_found", &["there is no directory absent", "docker://oci:absent"]);
    check("oci-archive:absent.tar", "not_found", &["there is no file absent.tar"]);
    check("oci:oci.tar", "usage", &["is no directory", "write oci-archive:oci.tar"]);
    check("oci-archive:layout", "usage", &["is a directory", "write oci:layout"]);
    check("docker-archive:/dev/zero", "usage", &["is a device and no archive"]);
    check("oci:empty", "bad_data", &["it has no index.json"]);
    check("oci:saved", "bad_data", &["unpacked docker archive", "regsize analyze -"]);
    check("oci-archive:docker.tar", "bad_data", &["write docker-archive:docker.tar"]);
    check("docker-archive:oci.tar", "bad_data", &["write oci-archive:oci.tar"]);
    check("oci-archive:cut.tar", "bad_data", &["cut", "write it again"]);
    check("oci-archive:cut.tar.gz", "bad_data", &["cut off", "write it again"]);
    check("oci-archive:text", "bad_data", &["looks like text"]);
    check("oci-archive:bzip2", "usage", &["looks like bzip2", "gzip and zstd are read"]);
    check("oci-archive:other.tar", "bad_data", &["neither index.json nor manifest.json"]);
    check("docker-archive:nothing", "bad_data", &["has nothing in it"]);
    check("docker-daemon:app:1", "usage", &["docker save NAME | regsize analyze -"]);
    check("./layout", "usage", &["is a path", "did you mean oci:./layout?"]);
    check("./oci.tar", "usage", &["did you mean docker-archive:./oci.tar?"]);
    check("./absent", "usage", &["write oci:PATH"]);
    let twice = sandbox.run(&["analyze", "-", "-", "--format", "json"]);
    assert_eq!(
        (twice.code, twice.stderr.contains("may be given once")),
        (Some(2), true),
        "{twice}"
    );
    let output = piped(&sandbox, &["analyze", "-"], b"");
    assert!(output.code == Some(2) && output.stderr.contains("has nothing in it"), "{output}");
    let output = piped(&sandbox, &["analyze", "-", "--verify-diff-ids"], &bytes);
    assert!(output.stderr.contains("which a stream does not allow"), "{output}");
    let output = piped(&sandbox, &["analyze", "-"], &bytes[..bytes.len() / 2]);
    assert!(output.code == Some(2) && output.stderr.contains("cut"), "{output}");
}

#[test]
fn blobs_that_are_missing_or_changed_are_errors_from_every_form() {
    let image = image();
    let files = layout(&[("latest", &image.bundle())]);
    let digest = regsize::oci::Digest::of(&image.layers()[1].blob);
    let is_layer = |name: &str| name.ends_with(digest.hex());
    let without: Files = files.iter().filter(|(name, _)| !is_layer(name)).cloned().collect();
    let mut other = files.clone();
    let mut shorter = files.clone();
    for ((name, bytes), (_, short)) in other.iter_mut().zip(&mut shorter) {
        if is_layer(name) {
            let mut content = bytes.to_vec();
            content[20] ^= 1;
            *bytes = content.into();
            *short = short.slice(..short.len() - 1);
        }
    }
    let check = |files: &Files, command: &str, parts: &[&str]| {
        let sandbox = Sandbox::new();
        write(&sandbox.path("layout"), files);
        let bytes = archive(files);
        let path = sandbox.write("a.tar", &bytes);
        for typed in [
            format!("oci:{}", sandbox.path("layout").display()),
            format!("oci-archive:{}", path.display()),
        ] {
            let output = sandbox.run(&[command, &typed]);
            assert_eq!(output.code, Some(2), "{typed}: {output}");
            assert!(parts.iter().all(|part| output.stderr.contains(part)), "{typed}: {output}");
        }
        let output = piped(&sandbox, &[command, "-"], &bytes);
        assert_eq!(output.code, Some(2), "{output}");
        assert!(parts.iter().all(|part| output.stderr.contains(part)), "{output}");
    };
    check(&without, "inspect", &[digest.hex(), "is missing from", "write it again"]);
    check(&without, "analyze", &[digest.hex(), "is missing from", "write it again"]);
    check(&other, "analyze", &["is not the content of", digest.hex(), "write it again"]);
    check(&shorter, "inspect", &["bytes long in", "its descriptor says"]);
    let manifest = image.digest();
    let config = regsize::oci::Digest::of(&image.config());
    for (digest, what) in [(manifest, "the manifest"), (config, "the image config")] {
        let without: Files =
            files.iter().filter(|(name, _)| !name.ends_with(digest.hex())).cloned().collect();
        check(&without, "inspect", &[what, "is missing from"]);
    }
    let broken = changed(files, "index.json", |_| json!({"manifests": 7}));
    check(&broken, "inspect", &["index.json in", "cannot be used"]);
}

#[test]
fn links_do_not_lead_out() {
    let image = Image::new("linux/amd64").layer(Layer::plain("srv/app 900"), "COPY app /srv/");
    let sandbox = Sandbox::new();
    let files = layout(&[("latest", &image.bundle())]);
    let blob = format!("blobs/sha256/{}", regsize::oci::Digest::of(&image.layers()[0].blob).hex());
    write(&sandbox.path("layout"), &files);
    let place = sandbox.path("layout").join(&blob);
    let typed = format!("oci:{}", sandbox.path("layout").display());
    let inside = sandbox.path("layout/elsewhere");
    std::fs::rename(&place, &inside).unwrap();
    std::os::unix::fs::symlink(&inside, &place).unwrap();
    accepted(&sandbox, &["analyze", &typed]);
    let refuse = |target: &Path, part: &str| {
        std::fs::remove_file(&place).unwrap();
        std::os::unix::fs::symlink(target, &place).unwrap();
        refused(&sandbox, &["analyze", &typed, "--no-cache"], "bad_data").says(&[part]);
    };
    let outside = sandbox.write("outside", &image.layers()[0].blob);
    refuse(&outside, "a link that leads out of it");
    let pipe = sandbox.path("layout/pipe");
    run("mkfifo", "coreutils", &[pipe.to_str().unwrap()]);
    refuse(&pipe, "is not a plain file");
    // A layer that another image of a docker archive has, too, is a link in it.
    let mut linked = Vec::new();
    let files = saved(&image, &["app:1"]);
    linked.extend(header("x/layer.tar", b'2', 0, "../0/layer.tar"));
    let named = changed(files, "manifest.json", |mut rows| {
        rows[0]["Layers"] = json!(["x/layer.tar"]);
        rows
    });
    linked.extend(archive(&named));
    let path = sandbox.write("linked.tar", &linked);
    let typed = format!("docker-archive:{}", path.display());
    accepted(&sandbox, &["analyze", &typed, "--no-cache"]);
    let mut escaping = header("x/layer.tar", b'2', 0, "../../outside").to_vec();
    escaping.extend(archive(&named));
    sandbox.write("linked.tar", &escaping);
    refused(&sandbox, &["analyze", &typed, "--no-cache"], "not_found").says(&["is missing"]);
}

#[test]
fn what_skopeo_writes_is_read() {
    let workshop = Workshop::new();
    workshop.shell(
        "mkdir -p tree/etc; echo hello > tree/etc/motd; head -c 90000 /dev/zero > tree/zeros",
    );
    let layer = workshop.gnu_tar(&["-C", "tree", "."]);
    let image = Image::new("linux/amd64").layer(layer, "ADD tree /");
    let sandbox = Sandbox::new();
    let from = sandbox.path("layout");
    image.bundle().write_layout(&from, "it");
    let from = format!("oci:{}:it", from.display());
    let expected = accepted(&sandbox, &["analyze", &from, "--no-cache"]);
    for (form, name) in
        [("oci:", ":v1"), ("oci-archive:", ":v1"), ("docker-archive:", ":team/app:v1")]
    {
        let path = sandbox.path(&format!("by-skopeo-{}", form.trim_end_matches(':')));
        let to = format!("{form}{}{name}", path.display());
        run("skopeo", "skopeo", &["copy", "--insecure-policy", "--quiet", &from, &to]);
        let report = accepted(&sandbox, &["analyze", &to, "--no-cache"]);
        let (image, original) = (&report["images"][0], &expected["images"][0]);
        assert_eq!(image["config_digest"], original["config_digest"], "{to}");
        assert_eq!(image["visible"]["bytes"], original["visible"]["bytes"], "{to}");
        if form != "oci:" {
            let bytes = std::fs::read(&path).unwrap();
            let output = piped(&sandbox, &["analyze", "-", "--format", "json"], &bytes);
            let images = &output.json()["images"];
            assert_eq!(images[0]["visible"], image["visible"], "{form} {output}");
        }
    }
}
