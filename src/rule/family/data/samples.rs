//! Samples that tools bring along, and databases.

use super::DATA;
use crate::filesystem::NodeId;
use crate::layer::Kind;
use crate::ledger::AtomId;
use crate::rule::{Detect, Facts, Paths, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "data-sample-data",
        title: "Sample subjects, atlases and demonstration data",
        detect: Detect::Paths(
            Paths::any(&[
                "**/freesurfer*/subjects/*/",
                "**/freesurfer*/average/",
                "**/freesurfer*/trctrain/",
                "**/fsl*/data/*/",
                "**/fsl*/data/*_models_*",
                "**/fsl*/data/*_models_*/",
                "**/nltk_data/",
                "**/tensorflow_datasets/",
                "**/scikit_learn_data/",
                "**/sklearn_data/",
                "**/sklearn/datasets/data/",
                "**/sklearn/datasets/images/",
                "**/statsmodels/datasets/*/",
                "**/seaborn-data/",
                "**/templateflow/",
                "**/vega_datasets/_data/",
                "**/sample-notebooks/",
                "usr/share/octave/*/demos/",
                "usr/share/kde4/apps/",
            ])
            .env(&["TEMPLATEFLOW_HOME", "NLTK_DATA", "TFDS_DATA_DIR"])
            .except(&[
                "**/freesurfer*/subjects/fsaverage/",
                "**/fsl*/data/standard/",
                "**/site-packages/templateflow/",
            ]),
        ),
        why: "Tools bring samples for their tutorials, and templates of which a run reads a few.",
        fix: "RUN curl -fsSL {{url}} | tar -xz -C {{target}} --exclude-from=/exclude.txt",
        caution: "recon-all reads subjects/fsaverage and parts of average, FEAT reads \
                  data/standard; these two directories of subjects and standards are not counted.",
        ..DATA
    },
    Rule {
        id: "data-database-dumps",
        title: "Databases and dumps",
        detect: Detect::Paths(
            Paths::any(&[
                "**/*.sql",
                "**/*.sql.gz",
                "**/*.dump",
                "**/*.pgdump",
                "**/*.mysql",
                "**/*.bson",
                "**/*.parquet",
                "**/*.csv",
                "**/*.tsv",
                "**/*.jsonl",
                "**/*.sqlite",
                "**/*.sqlite3",
                "**/*.db",
                "**/.mongodb/",
                "var/lib/mysql/",
                "var/lib/postgresql/",
                "var/lib/redis/",
            ])
            .except(&[
                "var/lib/rpm/",
                "usr/lib/sysimage/",
                "var/lib/dnf/",
                "usr/share/mime/",
                "**/site-packages/",
                "**/dist-packages/",
            ])
            .at(is_large)
            .only(is_unpackaged),
        ),
        why: "Each pull of the image pays for them, and a new version of the data is a new image.",
        fix: "# seed the database when the container starts, or keep it in a volume",
        caution: "Databases for reference, as dictionaries and taxonomies, may be the point of the \
                  image.",
        ..DATA
    },
];

/// Whether a file is large enough to ask about; directories of databases are.
fn is_large(facts: &Facts<'_>, node: NodeId) -> bool {
    const LARGE: u64 = 20_000_000;
    let is_directory = facts.ledger.filesystem().node(node).kind == Kind::Directory;
    is_directory || facts.ledger.bytes(node) >= LARGE
}

fn is_unpackaged(facts: &Facts<'_>, file: AtomId) -> bool {
    facts.owners.package(file).is_none()
}

#[cfg(test)]
mod tests {
    use crate::rule::testing::check;

    #[test]
    fn sample_data() {
        let image = "
RUN a
  opt/freesurfer/subjects/bert/mri/a.mgz 300_000_000
  opt/freesurfer/subjects/fsaverage/b 200_000_000
  opt/fsl/data/standard/c 90_000_000
  root/nltk_data/d 21_000_000
";
        check("data-sample-data", image, &[321_000_000]);
    }

    #[test]
    fn database_dumps() {
        let image = "
RUN a
  app/seed.sql 30_000_000
  app/small.csv 10_000_000
  var/lib/rpm/rpmdb.sqlite 90_000_000
  var/lib/postgresql/data/x 40_000_000
";
        check("data-database-dumps", image, &[70_000_000]);
    }
}
