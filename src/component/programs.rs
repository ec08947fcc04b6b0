//! The Python of an image that a command can be tried with.

use super::purpose::shows;
use crate::image::Image;
use crate::ledger::Ledger;

/// Where programs are if the config does not tell.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const NAMES: [&str; 2] = ["python", "python3"];

/// The interpreter that finds the module that a file is of; without one, the first on `PATH`.
/// `None` if the image shows none.
pub(super) fn interpreter(ledger: &Ledger, image: &Image, file: Option<&[u8]>) -> Option<String> {
    let path = image.runtime.env.get("PATH").map_or(PATH, String::as_str);
    let directories: Vec<&str> = path.split(':').map(|at| at.trim_matches('/')).collect();
    let named = |directory: &str| {
        let is_there = |name: &&str| shows(ledger, &format!("{directory}/{name}"));
        NAMES.into_iter().find(is_there)
    };
    let first = directories.iter().find_map(|directory| Some((*directory, named(directory)?)));
    let Some(file) = file else { return first.map(|(_, name)| name.to_owned()) };
    prefixes(std::str::from_utf8(file).ok()?).into_iter().find_map(|prefix| {
        let directory = format!("{prefix}/bin");
        let name = named(&directory)?;
        let is_first = first == Some((directory.as_str(), name));
        Some(if is_first { name.to_owned() } else { format!("/{directory}/{name}") })
    })
}

/// Where the interpreter of a file of a package can be installed. Distributions have theirs in
/// `/usr` and read `/usr/local` too.
fn prefixes(file: &str) -> Vec<&str> {
    match file.split_once("/lib/python") {
        Some(("usr/local", _)) => vec!["usr/local", "usr"],
        Some((prefix, _)) => vec![prefix],
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::testing::image;

    #[test]
    fn modules_are_tried_with_their_own_interpreter() {
        let check = |text: &str, file: Option<&str>, expected: Option<&str>| {
            let (image, ledger) = image(text);
            let found = interpreter(&ledger, &image, file.map(str::as_bytes));
            assert_eq!(found.as_deref(), expected, "{text}");
        };
        let wx = Some("opt/fsl/lib/python3.11/site-packages/wx/a.so");
        let system = "RUN a\n  usr/bin/python3 1\n";
        check(system, wx, None);
        check(system, None, Some("python3"));
        check(system, Some("usr/lib/python3/dist-packages/x/y.py"), Some("python3"));
        check(system, Some("usr/local/lib/python3.10/dist-packages/x/y.py"), Some("python3"));
        check(system, Some("srv/site-packages/x/y.py"), None);
        let two = format!("{system}  opt/fsl/bin/python -> python3\n");
        check(&two, wx, Some("/opt/fsl/bin/python"));
        check(&format!("ENV PATH=/opt/fsl/bin:/usr/bin\n{two}"), wx, Some("python"));
        check("RUN a\n  x 1\n", None, None);
    }
}
