//! The programs that people build images with, and a place for all that they leave behind.
//!
//! ```ignore
//! let workshop = Workshop::new();
//! workshop.shell("mkdir -p tree/etc; echo hello > tree/etc/motd");
//! let layer = workshop.tar("tar", &["--format=pax", "-C", "tree", "."]);
//! let layout = workshop.layout(&Image::new("linux/amd64").layer(layer, "ADD tree /"));
//! let chunked = layout.compressed("zstd:chunked");      // by skopeo
//! registry.push_layout("team/app:1", &chunked);
//! ```

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;

use super::image::Image;
use super::layer::{Compression, Layer};
use super::real::{missing, run};

/// The one tag of a layout.
pub const TAG: &str = "it";

/// A directory to build images in.
pub struct Workshop {
    directory: TempDir,
    layouts: AtomicUsize,
}

/// An image in an OCI layout, in the directory of a [`Workshop`].
#[derive(Clone, Debug)]
pub struct Layout {
    path: PathBuf,
}

impl Workshop {
    /// An empty directory.
    pub fn new() -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        Self { directory, layouts: AtomicUsize::new(0) }
    }

    /// A path inside.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Runs lines of a shell inside.
    pub fn shell(&self, script: &str) {
        self.program("bash", "bash", &["-euc", script]);
    }

    /// Runs `program` of a Debian package inside and returns what it printed.
    pub fn program(&self, program: &str, package: &str, arguments: &[&str]) -> Vec<u8> {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(self.directory.path())
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| missing(program, package, &error));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {}\n{errors}", output.status);
        output.stdout
    }

    /// A layer of what GNU tar archives with these options and paths.
    pub fn gnu_tar(&self, options: &[&str]) -> Layer {
        let options = [&["--create", "--file=-"], options].concat();
        Layer::from_tar(self.program("tar", "tar", &options), Compression::Gzip)
    }

    /// A layer of what libarchive's tar archives with these options and paths.
    pub fn bsdtar(&self, options: &[&str]) -> Layer {
        let options = [&["-c", "-f", "-"], options].concat();
        let tar = self.program("bsdtar", "libarchive-tools", &options);
        Layer::from_tar(tar, Compression::Gzip)
    }

    /// Runs `umoci`.
    pub fn umoci(&self, arguments: &[&str]) {
        self.program("umoci", "umoci", arguments);
    }

    /// Starts an image with umoci and unpacks it to `NAME/rootfs`.
    pub fn umoci_start(&self, name: &str) -> Layout {
        let layout = self.new_layout();
        self.umoci(&["init", "--layout", &layout.path.display().to_string()]);
        self.umoci(&["new", "--image", &layout.umoci_name()]);
        self.umoci_unpack(&layout, name);
        layout
    }

    /// Unpacks an image with umoci to `NAME/rootfs`.
    pub fn umoci_unpack(&self, layout: &Layout, name: &str) {
        self.umoci(&["unpack", "--image", &layout.umoci_name(), name]);
    }

    /// Makes what the lines of a shell change in `NAME/rootfs` a layer.
    pub fn umoci_layer(&self, layout: &Layout, name: &str, script: &str) {
        self.shell(&format!("cd {name}/rootfs\n{script}"));
        let image = layout.umoci_name();
        self.umoci(&["repack", "--refresh-bundle", "--image", &image, name]);
    }

    /// Runs `buildah` with a storage of its own and returns the last word that it printed.
    pub fn buildah(&self, arguments: &[&str]) -> String {
        let (root, run) = (self.path("buildah"), self.path("buildah-run"));
        let (root, run) = (root.display().to_string(), run.display().to_string());
        let storage = ["--storage-driver", "vfs", "--root", &root, "--runroot", &run];
        let printed = self.program("buildah", "buildah", &[&storage, arguments].concat());
        let printed = String::from_utf8_lossy(&printed).into_owned();
        printed.split_whitespace().last().unwrap_or_default().to_owned()
    }

    /// Writes an image of buildah's storage to a layout, with options of `push`.
    pub fn buildah_layout(&self, image: &str, options: &[&str]) -> Layout {
        let layout = self.new_layout();
        let name = layout.name();
        self.buildah(&[&["push", "--quiet"], options, &[image, &name]].concat());
        layout
    }

    /// Writes an image of the tests to a layout.
    pub fn layout(&self, image: &Image) -> Layout {
        let layout = self.new_layout();
        image.bundle().write_layout(&layout.path, TAG);
        layout
    }

    /// The image with its layers compressed again by skopeo: to `gzip`, `zstd` or `zstd:chunked`.
    pub fn compressed(&self, layout: &Layout, format: &str) -> Layout {
        let to = self.new_layout();
        skopeo(&["--dest-compress-format", format, &layout.name(), &to.name()]);
        to
    }

    /// The image with its layers decompressed by skopeo.
    pub fn decompressed(&self, layout: &Layout) -> Layout {
        let (directory, to) = (self.new_layout(), self.new_layout());
        let directory = format!("dir:{}", directory.path.display());
        skopeo(&["--dest-decompress", &layout.name(), &directory]);
        skopeo(&["--dest-oci-accept-uncompressed-layers", &directory, &to.name()]);
        to
    }

    fn new_layout(&self) -> Layout {
        let number = self.layouts.fetch_add(1, Ordering::Relaxed);
        Layout { path: self.path(&format!("layout-{number}")) }
    }
}

impl Layout {
    /// Its directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its name for skopeo and buildah.
    pub fn name(&self) -> String {
        format!("oci:{}:{TAG}", self.path.display())
    }

    fn umoci_name(&self) -> String {
        format!("{}:{TAG}", self.path.display())
    }
}

fn skopeo(arguments: &[&str]) {
    run("skopeo", "skopeo", &[&["copy", "--insecure-policy", "--quiet"], arguments].concat());
}
