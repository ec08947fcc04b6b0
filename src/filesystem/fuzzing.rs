//! What must hold for any layers; `fuzz/README.md` says how it is used.

use super::model::compare;
use crate::layer::fuzzing::Choices;

/// Merges the layers that the bytes choose, one byte for each choice, and holds the result against
/// a model that is as simple as it can be.
///
/// # Panics
///
/// Where the two differ.
pub fn merge(choices: &[u8]) {
    compare(&image(&mut Choices::new(choices)));
}

fn image(choices: &mut Choices<'_>) -> Vec<String> {
    let layers = choices.below(6);
    let mut layer = || {
        let entries = choices.below(11);
        (0..entries).map(|_| line(choices)).collect::<Vec<_>>().join("\n")
    };
    (0..layers).map(|_| layer()).collect()
}

fn line(choices: &mut Choices<'_>) -> String {
    match choices.below(17) {
        0..=5 => {
            let (path, size) = (path(choices), choices.below(3));
            format!("file {path} {size}{}", choices.of(&["", " x", " y"]))
        }
        6..=8 => format!("dir {}", path(choices)),
        9 => format!("link {} {}", path(choices), path(choices)),
        10..=12 => format!("hard {} {}", path(choices), path(choices)),
        13 => format!("fifo {}", path(choices)),
        14 => "file . 1".to_owned(),
        15 => "dir .".to_owned(),
        _ => "file .wh..wh..opq 0".to_owned(),
    }
}

fn path(choices: &mut Choices<'_>) -> String {
    const NAMES: [&str; 3] = ["a", "b", "c"];
    let mut names: Vec<&str> = (0..choices.below(3)).map(|_| choices.of(&NAMES)).collect();
    names.push(match choices.below(12) {
        0 => ".wh.a",
        1 => ".wh.b",
        2 => ".wh..wh..opq",
        3 => ".wh..wh.x",
        _ => choices.of(&NAMES),
    });
    names.join("/")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn merging_agrees_with_the_naive_model(
            choices in proptest::collection::vec(any::<u8>(), 0..400),
        ) {
            merge(&choices);
        }
    }

    #[test]
    fn layers_have_every_line_there_is() {
        let choices: Vec<u8> =
            (0..60_000_u32).map(|at| ((at * at) >> 8).to_le_bytes()[0]).collect();
        let images: Vec<_> =
            choices.chunks(400).map(|chunk| image(&mut Choices::new(chunk)).join("\n")).collect();
        let text = images.join("\n");
        for part in [
            "file ",
            "dir ",
            "link ",
            "hard ",
            "fifo ",
            "file . 1",
            "dir .\n",
            "/.wh.a",
            "/.wh..wh..opq",
            ".wh..wh.x",
            "file .wh..wh..opq 0",
            " x",
            " y",
            "a/b/c",
        ] {
            assert!(text.contains(part), "{part}");
        }
    }
}
