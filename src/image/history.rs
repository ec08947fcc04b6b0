//! Pairs the entries of a config's history with the layers they made.
//!
//! Image-spec `config.md`: each entry that is not an `empty_layer` made the next layer. Build
//! tools keep that promise loosely, so counts decide. Where they cannot match, the step of a
//! layer is unknown and a warning says so. Entries that BuildKit makes up for layers without
//! history are not steps where Dockerfile instructions stand before them: they are left out.

use super::instruction::{clean, is_metadata};
use super::{Step, time};
use crate::oci::HistoryEntry;
use crate::secrecy::hide;

/// The steps of an image and which of them made its layers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Joined {
    /// The steps, oldest first.
    pub steps: Vec<Step>,
    /// For each layer the position in `steps` of the step that made it.
    pub layer_steps: Vec<Option<usize>>,
    /// What a reader has to know about the pairing, one sentence each.
    pub warnings: Vec<String>,
}

/// The entries that are steps, and for each layer the position of its entry.
struct Pairing<'a> {
    entries: Vec<&'a HistoryEntry>,
    layers: Vec<Option<usize>>,
    warning: Option<String>,
}

/// The remark on entries that BuildKit appends until there is one for each layer.
const FILLER: &str = "buildkit.exporter.image.v0";

/// The remark on entries of BuildKit's Dockerfile frontend.
const DOCKERFILE: &str = "buildkit.dockerfile.v0";

/// Pairs `history` with `layers` layers, counted from the base; `shell` is the config's shell.
pub(crate) fn join(history: &[HistoryEntry], layers: usize, shell: &[String]) -> Joined {
    let pairing = pair(history, layers);
    let mut steps: Vec<Step> = pairing.entries.iter().map(|entry| step(entry, shell)).collect();
    let owned = pairing.layers.iter().enumerate();
    let owned = owned.filter_map(|(layer, owner)| owner.map(|position| (layer, position)));
    for ((layer, position), number) in owned.zip(1..) {
        let step = &mut steps[position];
        step.number = Some(number);
        step.layer = Some(layer);
        step.empty = false;
    }
    name_stages(&mut steps);
    Joined { steps, layer_steps: pairing.layers, warnings: pairing.warning.into_iter().collect() }
}

fn step(entry: &HistoryEntry, shell: &[String]) -> Step {
    let (instruction, _) = hide(&clean(&entry.created_by, shell));
    let (created_by, mut secrets) = hide(&entry.created_by);
    let (comment, remarked) = hide(&entry.comment);
    secrets.extend(remarked);
    Step {
        number: None,
        created: entry.created.as_deref().and_then(time::to_utc),
        instruction,
        created_by,
        secrets,
        comment,
        empty: true,
        layer: None,
    }
}

fn pair(history: &[HistoryEntry], layers: usize) -> Pairing<'_> {
    let made = history.iter().filter(|entry| !entry.empty_layer).count();
    let fillers = late_fillers(history);
    if fillers > 0 && made <= layers {
        return pair_shifted(history, layers, made == layers);
    }
    let entries: Vec<&HistoryEntry> = history.iter().collect();
    let warning = match made {
        _ if made == layers => None,
        0 if history.is_empty() => {
            Some("the image has no history: the steps that made its layers are unknown".to_owned())
        }
        _ if made > layers => Some(format!(
            "the history has steps for {made} layers but the image has {layers}: the last {} are taken to have made none",
            made - layers
        )),
        _ => Some(unknown_steps(made, layers)),
    };
    let layers = place(&entries, layers, 0);
    Pairing { entries, layers, warning }
}

fn unknown_steps(made: usize, layers: usize) -> String {
    format!(
        "the history has steps for {made} layers but the image has {layers}: the steps of the lowest {} are unknown",
        layers - made
    )
}

/// Pairs a history whose fillers stand in for entries that the base image lacks: the Dockerfile
/// made the layers above those, not the lowest ones.
fn pair_shifted(history: &[HistoryEntry], layers: usize, counts_match: bool) -> Pairing<'_> {
    let mut after_dockerfile = false;
    let entries: Vec<&HistoryEntry> = history
        .iter()
        .filter(|entry| {
            after_dockerfile |= is_made_by_dockerfile(entry);
            !(after_dockerfile && is_filler(entry))
        })
        .collect();
    let made = entries.iter().filter(|entry| !entry.empty_layer).count();
    let leading = entries
        .iter()
        .filter(|entry| !entry.empty_layer)
        .take_while(|entry| counts_match && is_filler(entry))
        .count();
    let warning = Some(unknown_steps(made, layers)).filter(|_| made != layers);
    let layers = place(&entries, layers, leading);
    Pairing { entries, layers, warning }
}

/// How many fillers follow an instruction of a Dockerfile that made a layer.
fn late_fillers(history: &[HistoryEntry]) -> usize {
    let first = history.iter().position(is_made_by_dockerfile).unwrap_or(history.len());
    history[first..].iter().filter(|entry| is_filler(entry)).count()
}

fn is_filler(entry: &HistoryEntry) -> bool {
    entry.comment == FILLER && !entry.empty_layer
}

fn is_made_by_dockerfile(entry: &HistoryEntry) -> bool {
    entry.comment == DOCKERFILE && !entry.empty_layer
}

/// Gives the first `leading` entries that made a layer to the lowest layers and the others to the
/// highest; a surplus of entries is cut off at the end.
fn place(entries: &[&HistoryEntry], layers: usize, leading: usize) -> Vec<Option<usize>> {
    let mut owners: Vec<Option<usize>> = (0..entries.len())
        .filter(|&position| !entries[position].empty_layer)
        .take(layers)
        .map(Some)
        .collect();
    let missing = layers - owners.len();
    owners.splice(leading..leading, std::iter::repeat_n(None, missing));
    owners
}

/// Names all instructions of a stage whose files are in one layer, where one step alone would
/// stand for them: buildah without `--layers` gives the layer to the stage's last instruction, a
/// squash to an entry without text.
fn name_stages(steps: &mut [Step]) {
    let mut start = 0;
    for position in 0..steps.len() {
        if steps[position].layer.is_some() {
            let (before, owner) = steps.split_at_mut(position);
            name_stage(&before[start..], &mut owner[0]);
            start = position + 1;
        }
    }
}

fn name_stage(before: &[Step], owner: &mut Step) {
    let squash = owner.instruction.is_empty() && owner.comment.starts_with("merge ");
    let buildah = owner.comment.starts_with("FROM ") && before.iter().any(changes_files);
    if !(squash || buildah || is_metadata(&owner.instruction)) {
        return;
    }
    let mut instructions: Vec<&str> = before
        .iter()
        .map(|step| step.instruction.as_str())
        .filter(|instruction| !instruction.is_empty() && !is_metadata(instruction))
        .collect();
    if !instructions.is_empty() {
        instructions.extend(Some(owner.instruction.as_str()).filter(|text| !text.is_empty()));
        owner.instruction = instructions.join("\n");
    }
}

fn changes_files(step: &Step) -> bool {
    ["RUN ", "COPY ", "ADD "].iter().any(|verb| step.instruction.starts_with(verb))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An entry from `comment: created_by`, without a layer where it starts with `-`.
    fn entry(line: &str) -> HistoryEntry {
        let (empty_layer, line) = line.strip_prefix('-').map_or((false, line), |line| (true, line));
        let (comment, created_by) = line.split_once(": ").unwrap_or(("", line));
        HistoryEntry {
            empty_layer,
            created_by: created_by.to_owned(),
            comment: match comment {
                "df" => DOCKERFILE.to_owned(),
                "fill" => FILLER.to_owned(),
                other => other.to_owned(),
            },
            ..HistoryEntry::default()
        }
    }

    fn joined(lines: &[&str], layers: usize) -> Joined {
        let history: Vec<HistoryEntry> = lines.iter().map(|line| entry(line)).collect();
        let joined = join(&history, layers, &[]);
        assert_consistent(&joined, layers);
        joined
    }

    fn assert_consistent(joined: &Joined, layers: usize) {
        assert_eq!(joined.layer_steps.len(), layers);
        let numbered: Vec<usize> = joined.steps.iter().filter_map(|step| step.number).collect();
        assert_eq!(numbered, (1..=numbered.len()).collect::<Vec<_>>());
        let owners: Vec<usize> = joined.layer_steps.iter().copied().flatten().collect();
        assert!(owners.is_sorted_by(|a, b| a < b));
        assert_eq!(owners.len(), numbered.len());
        for (layer, owner) in joined.layer_steps.iter().enumerate() {
            assert!(owner.is_none_or(|position| joined.steps[position].layer == Some(layer)));
        }
        assert!(joined.steps.iter().all(|step| step.empty == step.layer.is_none()));
    }

    /// Compares the instruction of each layer, and a word of each warning.
    fn check(lines: &[&str], layers: &[&str], warnings: &[&str]) {
        let joined = joined(lines, layers.len());
        let instructions: Vec<&str> = joined
            .layer_steps
            .iter()
            .map(|owner| owner.map_or("?", |position| joined.steps[position].instruction.as_str()))
            .collect();
        assert_eq!(instructions, layers, "{lines:?}");
        assert_eq!(joined.warnings.len(), warnings.len(), "{lines:?}: {:?}", joined.warnings);
        for (warning, word) in joined.warnings.iter().zip(warnings) {
            assert!(warning.contains(word), "{warning}");
        }
    }

    #[test]
    fn equal_counts_pair_in_order() {
        check(&["ADD a /", "-CMD x", "RUN /bin/sh -c b", "-ENV x=y"], &["ADD a /", "RUN b"], &[]);
        check(&["-CMD x"], &[], &[]);
        check(&[], &[], &[]);
        check(&[""], &[""], &[]);
    }

    #[test]
    fn an_absent_history_leaves_all_layers_unknown() {
        check(&[], &["?", "?"], &["no history"]);
        check(&["-CMD x"], &["?"], &["steps for 0 layers but the image has 1"]);
    }

    #[test]
    fn surplus_steps_made_no_layer() {
        check(&["RUN a", "RUN b", "-CMD x", "RUN c"], &["RUN a"], &["the last 2 are taken"]);
        check(&["RUN a"], &[], &["steps for 1 layers but the image has 0"]);
        check(&["df: RUN a", "fill: x"], &["RUN a"], &["the last 1"]);
    }

    #[test]
    fn missing_steps_are_those_of_the_lowest_layers() {
        check(&["-ENV x=y", "RUN a", "RUN b"], &["?", "?", "RUN a", "RUN b"], &["lowest 2"]);
        check(&["fill: x", "df: RUN a"], &["?", "x", "RUN a"], &["lowest 1"]);
    }

    #[test]
    fn fillers_after_dockerfile_steps_shift_these_up() {
        let warning = &["the lowest 2 are unknown"];
        check(&["df: RUN a", "fill: x", "fill: y"], &["?", "?", "RUN a"], warning);
        check(
            &["df: RUN a", "-df: CMD x", "df: COPY b /", "fill: x", "fill: y"],
            &["?", "?", "RUN a", "COPY b /"],
            warning,
        );
        check(
            &["df: RUN a", "fill: x", "fill: y", "df: RUN b"],
            &["?", "?", "RUN a", "RUN b"],
            warning,
        );
        check(&["df: RUN a", "fill: x"], &["?", "?", "RUN a"], warning);
        check(
            &["fill: x", "fill: y", "df: RUN a", "fill: z"],
            &["x", "y", "?", "RUN a"],
            &["lowest 1"],
        );
    }

    #[test]
    fn fillers_that_describe_their_own_layers_stay() {
        check(&["fill: x", "fill: y"], &["x", "y"], &[]);
        check(&["fill: x", "df: RUN a"], &["x", "RUN a"], &[]);
        check(&["-df: ENV a=b", "fill: x"], &["x"], &[]);
    }

    #[test]
    fn fillers_that_were_shifted_over_are_no_steps() {
        let joined = joined(&["-df: ENV x=y", "df: RUN a", "fill: x", "-df: CMD x"], 2);
        let instructions: Vec<&str> =
            joined.steps.iter().map(|step| step.instruction.as_str()).collect();
        assert_eq!(instructions, ["ENV x=y", "RUN a", "CMD x"]);
    }

    #[test]
    fn a_stage_in_one_layer_names_its_instructions() {
        check(
            &["ADD a /", "-CMD sh", "-RUN a", "-ENV x=y", "-COPY b /b", "-WORKDIR /w", "CMD x"],
            &["ADD a /", "RUN a\nCOPY b /b\nWORKDIR /w\nCMD x"],
            &[],
        );
        check(&["-FROM 1a2b: RUN a", "FROM 1a2b: RUN b"], &["RUN a\nRUN b"], &[]);
        check(&["-RUN a", "-CMD x", "merge sha256:1 to sha256:2: "], &["RUN a"], &[]);
        check(&["-RUN a", "CMD x", "-RUN b", "ENV x=y"], &["RUN a\nCMD x", "RUN b\nENV x=y"], &[]);
    }

    #[test]
    fn a_step_of_its_own_layer_is_named_alone() {
        // The classic builder makes no layer for a command that changes nothing.
        check(&["ADD a /", "-RUN true", "RUN b"], &["ADD a /", "RUN b"], &[]);
        check(&["-FROM 1a2b: WORKDIR /w", "FROM 1a2b: RUN b"], &["RUN b"], &[]);
        check(&["-ENV x=y", "CMD x"], &["CMD x"], &[]);
        check(&["-RUN a", ""], &[""], &[]);
    }

    #[test]
    fn steps_keep_the_words_of_the_history() {
        let entry = HistoryEntry {
            created: Some("2024-05-01T12:00:00.5+02:00".to_owned()),
            created_by: "/bin/sh -c #(nop) COPY file:1a in /x ".to_owned(),
            comment: "remark".to_owned(),
            ..HistoryEntry::default()
        };
        let joined = join(&[entry], 1, &[]);
        let expected = Step {
            number: Some(1),
            created: Some("2024-05-01T10:00:00Z".to_owned()),
            instruction: "COPY … /x".to_owned(),
            created_by: "/bin/sh -c #(nop) COPY file:1a in /x ".to_owned(),
            secrets: Vec::new(),
            comment: "remark".to_owned(),
            empty: false,
            layer: Some(0),
        };
        assert_eq!(joined.steps, [expected]);
    }

    #[test]
    fn secrets_are_not_in_steps() {
        let joined = joined(&["RUN |1 TOKEN=a1b2c3 /bin/sh -c curl https://x:y9z8@h.example/"], 1);
        let step = &joined.steps[0];
        assert_eq!(step.instruction, "RUN curl https://x:***@h.example/");
        let created_by = "RUN |1 TOKEN=*** /bin/sh -c curl https://x:***@h.example/";
        assert_eq!((step.created_by.as_str(), step.secrets.len()), (created_by, 2));
        let comment = "FROM https://x:y9z8@h.example/a".to_owned();
        let entry = HistoryEntry { comment, ..HistoryEntry::default() };
        let step = &join(&[entry], 1, &[]).steps[0];
        assert_eq!((&*step.comment, step.secrets.len()), ("FROM https://x:***@h.example/a", 1));
    }

    #[test]
    fn the_zero_date_and_junk_are_no_dates() {
        for date in ["0001-01-01T00:00:00Z", "junk", ""] {
            let entry = HistoryEntry { created: Some(date.to_owned()), ..HistoryEntry::default() };
            assert_eq!(join(&[entry], 1, &[]).steps[0].created, None, "{date}");
        }
    }

    #[test]
    fn long_histories_take_linear_time() {
        let lines: Vec<&str> = ["-RUN a", "CMD x", "df: RUN b", "fill: c", "-RUN d"].repeat(2_000);
        for layers in [0, 6_000, 10_000] {
            joined(&lines, layers);
        }
    }

    proptest! {
        #[test]
        fn any_history_is_joined_consistently(
            lines in proptest::collection::vec("-?((df|fill|merge 1|FROM 1): )?(RUN a|CMD x|)", 0..12),
            layers in 0_usize..12,
        ) {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let joined = joined(&lines, layers);
            let known = joined.layer_steps.iter().all(Option::is_some);
            prop_assert!(known || joined.warnings.len() == 1);
        }
    }
}
