//! Components: the large tools that a maintainer would name, found by the paths, packages and
//! installers that give them away.
//!
//! What is known of them is data, `knowledge.json`, which a user's file may extend
//! ([`Knowledge::with`]). It has an object with `components`, each with:
//!
//! | field | what it is |
//! |---|---|
//! | `id`, `title`, `about` | its name here, in reports, and what it is in one line |
//! | `making` | `prebuilt`, `compiled` or `packages`, see [`Making`] |
//! | `signatures` | what gives its root away: `all` and `any` are paths below it, `at` is a pattern of the root itself, `least` content bytes that it has |
//! | `versions` | where a version is told, the first that is there counts: `file` (with `text` around `{version}`, or a pointer `json`), `directory`, `below`, `package`, `history` |
//! | `installers` | patterns of words in commands that install it |
//! | `env` | variables that images with it set |
//! | `packages` | packages that it is made of, as `conda:libgdal*` |
//! | `parts` | `name`, `paths` below the root, `except`, `role`, `risk`, `needed_by`; see [`Part`] |
//! | `slimmer` | builds that are known to be smaller, one sentence each |
//! | `check` | a command that shows that it works |
//! | `optional` | whether images rarely exist for it |
//! | `yields` | whether another component at the same root is the better name |
//! | `audience` | whom it is for: `gpu`, `ide`, `gui`, `spatial` |
//!
//! Patterns are those of [`crate::pattern`]; in a signature `*` stands for one name alone.
//!
//! A component without its signature is found where a step has one of its installers and stored
//! most of a directory that is called like its `id`, alone or with a version; see [`Naming`].
//!
//! A directory that many tools share (`usr`, `usr/local`, `home`) is no root: what was installed
//! there without a package manager cannot be told apart, and is not found.

mod find;
mod knowledge;
mod parts;
pub(crate) mod programs;
mod version;

use serde::Deserialize;

use crate::filesystem::NodeId;
use crate::package::PackageId;

pub use find::find;
pub use knowledge::{Knowledge, KnowledgeError};

/// Whether a step that builds a component can be left behind in a builder stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Making {
    /// Unpacked from an archive as it is: a builder stage saves nothing by itself.
    #[default]
    Prebuilt,
    /// Compiled in the image.
    Compiled,
    /// Installed by a package manager.
    Packages,
}

/// A component of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Component {
    /// The id in the knowledge base, as `freesurfer`.
    pub id: String,
    /// Its name in reports.
    pub title: String,
    /// What it is, in one line.
    pub about: String,
    /// The directory that it is in, or its file; `None` where it is known by its packages alone.
    pub root: Option<NodeId>,
    /// Its version and where that was read, if it could be.
    pub version: Option<(String, String)>,
    /// How it is made.
    pub making: Making,
    /// The packages that it is made of.
    pub packages: Vec<PackageId>,
    /// Its trimmable parts.
    pub parts: Vec<Part>,
    /// Names of trimmable parts that it could have and does not.
    pub absent: Vec<String>,
    /// Builds that are known to be smaller, one sentence each.
    pub slimmer: Vec<String>,
    /// A command that shows that it works, where the image has what it calls.
    pub check: Option<String>,
    /// What names it, where its place is told by the text of a step and the name of a directory.
    pub named: Option<Naming>,
    /// The program that is called by name.
    pub program: Option<String>,
    /// The steps whose commands install it, by their positions in the image.
    pub steps: Vec<usize>,
    /// Whether images rarely exist for it.
    pub optional: bool,
    /// Variables that images with it set.
    pub env: Vec<String>,
    /// Whom it is for: `gpu`, `ide`, `gui`, `spatial`.
    pub audience: Option<String>,
}

/// The step that names a component: what it stored is in a directory of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Naming {
    /// The step, by its position in the image.
    pub step: usize,
    /// The word of its command that names the component.
    pub word: String,
}

/// A part of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it is, as `subjects/bert`.
    pub name: String,
    /// What it is for: `data`, `docs`, `gui`, `gpu`, `build`, `source`, `cache`, `tool`, `core`.
    pub role: String,
    /// What removing it risks: `safe`, `test`, `review`, or `keep` where it must stay.
    pub risk: String,
    /// Who needs it, where that is known.
    pub needed_by: Option<String>,
    /// Where it is.
    pub nodes: Vec<NodeId>,
}

impl Making {
    /// The word used in reports and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prebuilt => "prebuilt",
            Self::Compiled => "compiled",
            Self::Packages => "packages",
        }
    }
}
