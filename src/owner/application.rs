//! Where `COPY` and `ADD` put files.

use crate::filesystem::NodeId;
use crate::image::Image;
use crate::layer::normalize;
use crate::ledger::Ledger;

/// What a layer brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Brings {
    /// What a command makes, or a whole root.
    Other,
    /// Copies, to this path if it is known.
    Copies(Option<NodeId>),
}

/// What each layer brings.
pub(super) fn brought(image: &Image, ledger: &Ledger) -> Vec<Brings> {
    let mut layers = vec![Brings::Other; ledger.filesystem().layers()];
    let mut directory = Vec::new();
    for step in &image.steps {
        if let Some(path) = step.instruction.strip_prefix("WORKDIR ") {
            directory = join(&directory, path.trim());
        }
        let copies = ["COPY ", "ADD "].iter().any(|verb| step.instruction.starts_with(verb));
        let Some(layer) = step.layer.filter(|layer| copies && *layer < layers.len()) else {
            continue;
        };
        let path = destination(&step.instruction).map(|path| join(&directory, &path));
        let is_root = path.as_ref().is_some_and(Vec::is_empty);
        if layer > 0 || !is_root {
            let path = path.filter(|path| !path.is_empty());
            layers[layer] = Brings::Copies(path.and_then(|path| ledger.find(&path)));
        }
    }
    layers
}

/// A path without a slash at its start, from a directory on unless it has one.
fn join(directory: &[u8], path: &str) -> Vec<u8> {
    let full = if path.starts_with('/') {
        path.as_bytes().to_vec()
    } else {
        [directory, b"/", path.as_bytes()].concat()
    };
    normalize(&full).map_or(Vec::new(), |normalized| normalized.components.join(&b'/'))
}

/// The last word of `COPY … /app` or `ADD ["…", "/app"]`; `None` where a variable is in it.
fn destination(instruction: &str) -> Option<String> {
    let line = instruction.lines().next()?.trim();
    let array = line.find(" [").map(|at| &line[at + 1..]);
    let words = array.and_then(|array| serde_json::from_str::<Vec<String>>(array).ok());
    let word = match words {
        Some(mut words) => words.pop()?,
        None => line.rsplit(' ').next()?.to_owned(),
    };
    (!word.contains('$')).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::testing::image;

    #[test]
    fn destinations_are_found() {
        let check = |instruction: &str, expected: Option<&str>| {
            assert_eq!(destination(instruction).as_deref(), expected, "{instruction}");
        };
        check("COPY . /app", Some("/app"));
        check("COPY --from=build --chown=1 /a /b /app/", Some("/app/"));
        check(r#"ADD ["a b", "/with space"]"#, Some("/with space"));
        check(r#"COPY --link ["a", "/x"]"#, Some("/x"));
        check("COPY <<EOF /etc/x\nline\nEOF", Some("/etc/x"));
        check("COPY a $HOME/x", None);
        check("COPY … /app", Some("/app"));
    }

    #[test]
    fn layers_bring_copies() {
        let text = "
ADD rootfs.tar /
  bin/sh 1
WORKDIR /srv
WORKDIR app
COPY . x
  srv/app/x/y 1
RUN make
  srv/z 1
COPY rootfs /
  etc/x 1
COPY y /bin/y
  bin/y 1
";
        let (mut image, ledger) = image(text);
        // Only steps that are copies say where.
        let workdir = image.steps.iter().position(|step| step.layer == Some(1)).unwrap();
        for path in ["app", "/srv"] {
            let step = crate::image::Step {
                instruction: format!("WORKDIR {path}"),
                ..crate::image::Step::default()
            };
            image.steps.insert(workdir, step);
        }
        let at = |path: &str| Brings::Copies(ledger.find(path.as_bytes()));
        let expected =
            [Brings::Other, at("srv/app/x"), Brings::Other, Brings::Copies(None), at("bin/y")];
        assert_eq!(brought(&image, &ledger), expected);
    }
}
