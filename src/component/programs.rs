//! The programs of an image that a command can be tried with, its Python above all.

use crate::filesystem::NodeId;
use crate::image::Image;
use crate::layer::Kind;
use crate::ledger::Ledger;

/// Where programs are if the config does not tell.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const NAMES: [&str; 2] = ["python", "python3"];
/// Programs that the runtime brings into a container, that shells have, or that run outside.
const ELSEWHERE: [&str; 3] = ["command", "docker", "nvidia-smi"];

/// The interpreter that finds the module that a file is of; without one, the first on `PATH`.
/// `None` if the image shows none.
pub(crate) fn interpreter(ledger: &Ledger, image: &Image, file: Option<&[u8]>) -> Option<String> {
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

/// What calls a program that the image shows on `PATH`, or in one of some other directories.
pub(crate) fn program<'a>(
    ledger: &Ledger,
    image: &Image,
    name: &str,
    others: impl Iterator<Item = &'a str>,
) -> Option<String> {
    let path = image.runtime.env.get("PATH").map_or(PATH, String::as_str);
    let at = |directory: &str| format!("{}/{name}", directory.trim_matches('/'));
    let is_program = |path: &str| {
        let node =
            ledger.find(path.as_bytes()).filter(|node| ledger.filesystem().is_visible(*node));
        node.is_some_and(|node| ledger.filesystem().node(node).kind != Kind::Directory)
    };
    if path.split(':').any(|directory| is_program(&at(directory))) {
        return Some(name.to_owned());
    }
    let found = others.map(at).find(|path| is_program(path))?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._+-".contains(&byte);
    found.bytes().all(is_plain).then(|| format!("/{found}"))
}

/// A command as it can be tried in an image; `None` if the image does not show its program or the
/// Python module that it imports. The programs of a component may be in a directory of its own.
pub(crate) fn trial(
    ledger: &Ledger,
    image: &Image,
    root: Option<NodeId>,
    command: &str,
) -> Option<String> {
    let (name, arguments) = command.split_once(' ').unwrap_or((command, ""));
    let program = match name {
        _ if ELSEWHERE.contains(&name) => name.to_owned(),
        "python" => {
            let module = arguments.split_once("import ").map(|(_, after)| after);
            let file = module.map(|module| imported(ledger, module).ok_or(()));
            interpreter(ledger, image, file.transpose().ok()?.as_deref())?
        }
        _ => {
            let filesystem = ledger.filesystem();
            let path = |node| String::from_utf8_lossy(&filesystem.path(node)).into_owned();
            let above = root.map(|root| path(filesystem.parent(root)));
            let own = root.map(path).unwrap_or_default();
            let mut places = vec![format!("{own}/bin"), format!("{own}/condabin"), own];
            places.extend(above);
            program(ledger, image, name, places.iter().map(String::as_str))?
        }
    };
    Some(format!("{program} {arguments}").trim_end().to_owned())
}

/// Where the image shows the module that a text begins with.
fn imported(ledger: &Ledger, text: &str) -> Option<Vec<u8>> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let module = text.get(..end.unwrap_or(text.len()))?;
    let filesystem = ledger.filesystem();
    let is_module = |node: &NodeId| {
        let holder = filesystem.name(filesystem.parent(*node));
        let name = filesystem.name(*node).strip_prefix(module.as_bytes());
        let is_named = name.is_some_and(|rest| rest.is_empty() || rest == b".py");
        is_named && (holder == b"site-packages" || holder == b"dist-packages")
    };
    let found = ledger.tree().iter().copied().find(is_module)?;
    Some(filesystem.path(found))
}

fn shows(ledger: &Ledger, path: &str) -> bool {
    ledger.find(path.as_bytes()).is_some_and(|node| ledger.filesystem().is_visible(node))
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
    fn only_what_an_image_shows_is_tried() {
        let check = |lines: &str, command: &str, expected: Option<&str>| {
            let (image, ledger) =
                image(&format!("ENV PATH=/usr/bin:/bin\nRUN a\n  opt/x/a 1\n{lines}"));
            let tried = trial(&ledger, &image, ledger.find(b"opt/x"), command);
            assert_eq!(tried.as_deref(), expected, "{command}");
        };
        check("  usr/bin/conda 1\n", "conda list", Some("conda list"));
        check("  opt/x/bin/conda 1\n", "conda list", Some("/opt/x/bin/conda list"));
        check("  opt/y/bin/conda 1\n", "conda list", None);
        check("  opt/uv 1\n", "uv", Some("/opt/uv"));
        check("  opt/conda/bin/python 1\n", "conda list", None);
        check("", "nvidia-smi", Some("nvidia-smi"));
        let python = "  usr/bin/python3 1\n";
        let wx = "python -c 'import wx; print(wx.version())'";
        check(python, wx, None);
        let module = format!("{python}  usr/lib/python3/dist-packages/wx/core.py 1\n");
        check(&module, wx, Some("python3 -c 'import wx; print(wx.version())'"));
        check(&module, "python -V", Some("python3 -V"));
    }

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
