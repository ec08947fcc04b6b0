//! Java archives: each is a package of its own, called as its file is.

mod directory;

use std::collections::HashMap;

use crate::ledger::{AtomId, Document, Documents, Ledger};

use super::text::{MAX_DEPENDENCIES, word};
use super::{Ecosystem, Inventory, Package};

const EXTENSIONS: [&[u8]; 3] = [b".jar", b".war", b".ear"];

/// Reads all archives.
pub(super) fn read(ledger: &Ledger, documents: &Documents<'_>, inventory: &mut Inventory) {
    let ends = documents.all().filter(|document| !document.tail.is_empty());
    let ends: HashMap<AtomId, &Document<'_>> = ends.map(|each| (each.atom, each)).collect();
    for id in ledger.ids() {
        let Some(stem) = stem(ledger.name(id)) else { continue };
        let atom = ledger.atom(id);
        let (name, version) = split(&stem);
        let Some(name) = word(name) else { continue };
        inventory.packages.push(Package {
            ecosystem: Ecosystem::Java,
            provides: ends.get(&id).map_or_else(Vec::new, |end| inside(end.tail)),
            name,
            version: version.and_then(word),
            location: ledger.path(id),
            layer: atom.layer,
            removed: atom.hidden,
            files: vec![atom.node],
            ..Package::default()
        });
    }
}

fn stem(name: &[u8]) -> Option<String> {
    let stem = EXTENSIONS.iter().find_map(|extension| name.strip_suffix(*extension))?;
    Some(String::from_utf8_lossy(stem).into_owned())
}

/// Name and version of `spring-core-6.1.2`: the version is what starts with a digit.
fn split(stem: &str) -> (&str, Option<&str>) {
    let starts_version =
        |(at, _): &(usize, &str)| stem[at + 1..].starts_with(|each: char| each.is_ascii_digit());
    match stem.match_indices('-').find(starts_version) {
        Some((at, _)) if at > 0 => (&stem[..at], Some(&stem[at + 1..])),
        _ => (stem, None),
    }
}

/// The artifacts in an archive: archives in it, and those that were merged into it. Nothing where
/// its directory is longer than its kept end.
fn inside(tail: &[u8]) -> Vec<String> {
    let names = directory::names(tail).filter_map(|name| str::from_utf8(name).ok());
    let artifacts = names.filter_map(|name| {
        if let Some(path) = name.strip_prefix("META-INF/maven/") {
            let mut parts = path.split('/').skip(1);
            let artifact = parts.next()?;
            return (parts.next()? == "pom.properties").then(|| word(artifact))?;
        }
        word(split(&stem(name.rsplit('/').next()?.as_bytes())?).0)
    });
    let mut artifacts: Vec<String> = artifacts.take(MAX_DEPENDENCIES).collect();
    artifacts.sort_unstable();
    artifacts.dedup();
    artifacts
}

#[cfg(test)]
mod tests {
    use super::super::testing::check as check_image;
    use super::*;

    #[test]
    fn archives_are_called_as_their_files() {
        let image = "COPY app\n  app/lib/spring-core-6.1.2.jar 100\n  app/app.war 5\n  app/x.zip 1\n\
            RUN rm\n  -app/app.war\n";
        let expected = [
            "java app ? in app/app.war removed",
            "java spring-core 6.1.2 in app/lib/spring-core-6.1.2.jar",
        ];
        check_image(image, &expected);
    }

    #[test]
    fn versions_start_with_a_digit() {
        let check = |stem, name, version| assert_eq!(split(stem), (name, version), "{stem}");
        check("guava-33.0.0-jre", "guava", Some("33.0.0-jre"));
        check("log4j-1.2-api-2.17", "log4j", Some("1.2-api-2.17"));
        check("app", "app", None);
        check("-1", "-1", None);
        check("é-", "é-", None);
    }

    #[test]
    fn the_end_of_an_archive_tells_what_is_in_it() {
        let names = [
            "META-INF/maven/org.x/guava/pom.properties",
            "META-INF/maven/org.x/guava/pom.xml",
            "BOOT-INF/lib/jackson-core-2.15.jar",
            "a/b.class",
        ];
        assert_eq!(inside(&directory::archive(&names)), ["guava", "jackson-core"]);
    }
}
