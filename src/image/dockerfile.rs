//! The lines of a Dockerfile that made an image's layers, where the image itself does not tell.
//!
//! The instructions of the file's last stages are held against the image's steps from the end: a
//! step gets the lines of the nearest instruction before the last match that says the same. What
//! the build changed (variables in `COPY`, default shells) finds no line, which is better than the
//! wrong one.

use super::{Image, Layer, Origin, SourceLines};

/// An instruction that makes a layer, and its lines.
#[derive(Debug, PartialEq, Eq)]
struct Written {
    text: String,
    start: u32,
    end: u32,
}

/// Names the lines of a Dockerfile in the layers that have none; gives the number of such layers.
pub fn name_lines(image: &mut Image, file: &str, dockerfile: &str) -> usize {
    let Image { layers, steps, .. } = image;
    let own: Vec<&mut Layer> =
        layers.iter_mut().filter(|layer| layer.origin != Origin::Base).collect();
    let instruction = |layer: &&mut Layer| {
        layer.step.and_then(|step| steps.get(step)).map_or("", |step| step.instruction.as_str())
    };
    let texts: Vec<&str> = own.iter().map(instruction).collect();
    let mut named = 0;
    for (layer, lines) in own.into_iter().zip(lines(&texts, dockerfile)) {
        if let (None, Some((start_line, end_line))) = (&layer.source, lines) {
            let file = file.to_owned();
            layer.source = Some(SourceLines { file, start_line, end_line, given: true });
            named += 1;
        }
    }
    named
}

/// The first and last lines of the instructions of steps.
fn lines(steps: &[&str], dockerfile: &str) -> Vec<Option<(u32, u32)>> {
    let written = instructions(dockerfile);
    let mut left = written.as_slice();
    let mut found: Vec<Option<(u32, u32)>> = steps
        .iter()
        .rev()
        .map(|step| {
            let wanted = folded(step);
            let at = left.iter().rposition(|written| is_same(&written.text, &wanted))?;
            let Written { start, end, .. } = left[at];
            left = &left[..at];
            Some((start, end))
        })
        .collect();
    found.reverse();
    found
}

/// The instructions of a Dockerfile that make layers.
fn instructions(dockerfile: &str) -> Vec<Written> {
    let mut found = Vec::new();
    let mut lines = (1_u32..).zip(dockerfile.lines());
    while let Some((start, line)) = lines.next() {
        if is_comment(line) {
            continue;
        }
        let mut text = String::new();
        let (mut end, mut line) = (start, line);
        loop {
            let continued = line.trim_end().strip_suffix('\\');
            text.push_str(continued.unwrap_or(line));
            text.push(' ');
            if continued.is_none() && !(is_comment(line) && end > start) {
                break;
            }
            let Some((next, following)) = lines.find(|(_, line)| !is_comment(line)) else { break };
            (end, line) = (next, following);
        }
        if let Some(word) = here_document(&text) {
            text.push('\n');
            for (next, line) in lines.by_ref() {
                end = next;
                if line.trim() == word {
                    break;
                }
                text.push_str(line);
                text.push('\n');
            }
        }
        let verb = text.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
        if matches!(verb.as_str(), "RUN" | "COPY" | "ADD" | "WORKDIR") {
            found.push(Written { text: folded(&text), start, end });
        }
    }
    found
}

fn is_comment(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#')
}

/// The word that ends the here-document which an instruction begins.
fn here_document(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("<<")?;
    let rest = rest.strip_prefix('-').unwrap_or(rest).trim_start_matches(['"', '\'']);
    let word: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let starts = word.starts_with(|c: char| c.is_alphabetic() || c == '_');
    starts.then_some(word)
}

/// A text with its verb in capitals, and every run of white space as one space.
fn folded(text: &str) -> String {
    let mut words = text.split_whitespace();
    let verb = words.next().unwrap_or_default().to_ascii_uppercase();
    std::iter::once(verb.as_str()).chain(words).collect::<Vec<_>>().join(" ")
}

/// Whether an instruction of a file and a step say the same; options (`--mount=…`) are not in
/// every history.
fn is_same(written: &str, step: &str) -> bool {
    let bare = |text: &str| -> String {
        let words = text.split(' ').filter(|word| !word.starts_with("--"));
        words.collect::<Vec<_>>().join(" ")
    };
    written == step || bare(written) == bare(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_may_take_several_lines() {
        let check = |dockerfile: &str, expected: &[(&str, u32, u32)]| {
            let expected: Vec<_> = expected
                .iter()
                .map(|(text, start, end)| ((*text).to_owned(), *start, *end))
                .collect();
            let found: Vec<_> = instructions(dockerfile)
                .into_iter()
                .map(|written| (written.text, written.start, written.end))
                .collect();
            assert_eq!(found, expected, "{dockerfile}");
        };
        check("FROM a\n# x\nRUN a && \\\n    # why\n    b\nENV x=1\n", &[("RUN a && b", 3, 5)]);
        check("run  a\ncopy a b", &[("RUN a", 1, 1), ("COPY a b", 2, 2)]);
        check("RUN <<EOF\na\nb\nEOF\nRUN c", &[("RUN <<EOF a b", 1, 4), ("RUN c", 5, 5)]);
        check("RUN a \\", &[("RUN a", 1, 1)]);
        check("RUN a \\\n\n  b", &[("RUN a b", 1, 3)]);
        check("", &[]);
    }

    #[test]
    fn steps_get_the_lines_that_say_the_same() {
        let dockerfile = "FROM x\nRUN a\nRUN b\nRUN a\n";
        let found = lines(&["RUN a", "RUN --mount=type=cache b", "RUN gone", "RUN a"], dockerfile);
        assert_eq!(found, [Some((2, 2)), Some((3, 3)), None, Some((4, 4))]);
    }
}
