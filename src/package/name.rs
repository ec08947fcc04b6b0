//! Names of ecosystems.

/// Package managers and other sources of packages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ecosystem {
    /// Debian and Ubuntu.
    #[default]
    Dpkg,
    /// Alpine.
    Apk,
    /// Red Hat, SUSE and their kin.
    Rpm,
    /// conda, mamba, micromamba, pixi.
    Conda,
    /// Python distributions.
    Python,
    /// R packages.
    R,
    /// Node.js packages.
    Npm,
    /// Extensions of VS Code and its kin.
    VsCode,
    /// Ruby gems.
    Ruby,
    /// PHP packages of Composer.
    Composer,
    /// Java archives.
    Java,
    /// Go binaries.
    Go,
    /// Rust binaries.
    Rust,
    /// Julia packages.
    Julia,
    /// TeX Live packages.
    Tex,
}

impl Ecosystem {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Dpkg,
        Self::Apk,
        Self::Rpm,
        Self::Conda,
        Self::Python,
        Self::R,
        Self::Npm,
        Self::VsCode,
        Self::Ruby,
        Self::Composer,
        Self::Java,
        Self::Go,
        Self::Rust,
        Self::Julia,
        Self::Tex,
    ];

    /// The word used in reports and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dpkg => "dpkg",
            Self::Apk => "apk",
            Self::Rpm => "rpm",
            Self::Conda => "conda",
            Self::Python => "python",
            Self::R => "r",
            Self::Npm => "npm",
            Self::VsCode => "vscode",
            Self::Ruby => "ruby",
            Self::Composer => "composer",
            Self::Java => "java",
            Self::Go => "go",
            Self::Rust => "rust",
            Self::Julia => "julia",
            Self::Tex => "tex",
        }
    }
}
