//! Weights of trained models.

use std::collections::BTreeSet;

use super::DATA;
use crate::filesystem::NodeId;
use crate::layer::Kind;
use crate::ledger::{AtomId, Ledger};
use crate::rule::{Candidate, Claim, Detect, Effort, Facts, Paths, Phrase, Rule};

pub(super) const RULES: &[Rule] = &[Rule {
    id: "data-model-weights",
    title: "Weights of trained models",
    effort: Effort::Split,
    min: 50_000_000,
    detect: Detect::Paths(
        Paths::any(&[
            "**/.cache/huggingface/",
            "**/.cache/torch/hub/",
            "**/.cache/torch/sentence_transformers/",
            "**/.cache/whisper/",
            "**/.cache/clip/",
            "**/.cache/ctranslate2/",
            "**/.cache/sentence_transformers/",
            "**/.cache/suno/",
            "**/.cache/tts/",
            "**/.cache/modelscope/",
            "**/.keras/models/",
            "**/.ollama/models/",
            "**/.insightface/models/",
            "**/.EasyOCR/model/",
            "**/*.safetensors",
            "**/*.gguf",
            "**/*.ggml",
            "**/*.onnx",
            "**/*.pt",
            "**/*.pth",
            "**/*.ckpt",
            "**/*.tflite",
            "**/*.mlmodel",
            "**/*.pb",
            "**/*.pkl",
            "**/*.h5",
            "**/*.keras",
            "**/*.model",
            "**/*.bin",
        ])
        .env(&[
            "HF_HOME",
            "HF_HUB_CACHE",
            "HUGGINGFACE_HUB_CACHE",
            "TRANSFORMERS_CACHE",
            "TORCH_HOME",
            "OLLAMA_MODELS",
            "SENTENCE_TRANSFORMERS_HOME",
        ])
        .at(is_model)
        .then(revisions),
    ),
    why: "Weights do not compress. Each tag of the image ships them anew unless they are in one \
          layer that all tags have in common.",
    fix: "# mount or fetch them when the container starts, or share one layer of them:\n\
          COPY --link --from={{registry}}/models:{{revision}} / /models",
    caution: "Machines without a network need them in the image.",
    ..DATA
}];

/// Whether a file of such a name holds weights; directories do.
fn is_model(facts: &Facts<'_>, node: NodeId) -> bool {
    const SMALL: u64 = 1_000_000;
    const LARGE: u64 = 50_000_000;
    let ledger = facts.ledger;
    let filesystem = ledger.filesystem();
    if filesystem.node(node).kind == Kind::Directory {
        return true;
    }
    let name = filesystem.name(node);
    let bytes = ledger.bytes(node);
    let is = |ends: &[&[u8]]| ends.iter().any(|end| name.ends_with(end));
    if is(&[b".bin", b".model"]) {
        return bytes >= LARGE && has_header(facts, node);
    }
    let least = if is(&[b".pb", b".pkl", b".h5"]) { LARGE } else { SMALL };
    bytes >= least
}

/// Whether the first bytes are those of a model: an archive of `PyTorch`, a pickle, or a model of
/// llama.cpp or `TensorFlow` Lite.
fn has_header(facts: &Facts<'_>, node: NodeId) -> bool {
    let Some(document) = facts.documents.at(facts.ledger, node) else { return false };
    let starts: [&[u8]; 6] = [b"PK\x03\x04", b"\x80\x02", b"\x80\x04", b"GGUF", b"lmgg", b"tjgg"];
    starts.iter().any(|start| document.head.starts_with(start))
        || document.head.get(4..8) == Some(b"TFL3")
}

/// Says so where models are there in several revisions or precisions.
fn revisions(facts: &Facts<'_>, candidate: Candidate) -> Candidate {
    let Claim::Files(files) = &candidate.claim else { return candidate };
    let ledger = facts.ledger;
    let models: BTreeSet<NodeId> =
        files.iter().filter_map(|(file, _)| repository(ledger, *file)).collect();
    let several = models.iter().filter(|model| {
        let snapshots = ledger.child(**model, b"snapshots");
        snapshots.is_some_and(|node| ledger.filesystem().children(node).len() > 1)
    });
    let several = several.count();
    let names: BTreeSet<Vec<u8>> = files.iter().map(|(file, _)| ledger.path(*file)).collect();
    let halves = names.iter().filter(|path| twin(path).is_some_and(|twin| names.contains(&twin)));
    let halves = halves.count();
    let mut candidate = candidate;
    if several > 0 {
        let note = Phrase::words("Models that are there in several revisions: ").count(several);
        candidate = candidate.note(note.and("; one of each may do."));
    }
    if halves > 0 {
        let note = Phrase::words("Models that are there in full and in half precision: ");
        candidate = candidate.note(note.count(halves).and("; one of each may do."));
    }
    candidate
}

/// The directory of a model in the cache of Hugging Face.
fn repository(ledger: &Ledger, file: AtomId) -> Option<NodeId> {
    let filesystem = ledger.filesystem();
    let mut node = ledger.atom(file).node;
    while node != filesystem.root() {
        if filesystem.name(node).starts_with(b"models--") {
            return Some(node);
        }
        node = filesystem.parent(node);
    }
    None
}

/// Where the same weights would be in half precision.
fn twin(path: &[u8]) -> Option<Vec<u8>> {
    let stem = path.strip_suffix(b".safetensors").or_else(|| path.strip_suffix(b".bin"))?;
    Some([stem, b".fp16", path.get(stem.len()..)?].concat())
}

#[cfg(test)]
mod tests {
    use crate::rule::testing::{check, found};

    #[test]
    fn model_weights() {
        let image = "
ENV HF_HOME=/models
RUN huggingface-cli download x
  models/hub/models--x--y/blobs/a 60_000_000
  models/hub/models--x--y/snapshots/1/m -> ../../blobs/a
  models/hub/models--x--y/snapshots/2/m -> ../../blobs/a
  opt/m/unet.safetensors 20_000_000
  opt/m/unet.fp16.safetensors 10_000_000
  opt/lib/python3.12/site-packages/x.pth 100
  opt/firmware.bin 90_000_000
";
        check("data-model-weights", image, &[90_000_000]);
        assert_eq!(found(image, &["data-model-weights"])[0].notes.len(), 2);
        check("data-model-weights", "RUN a\n  app/small.pkl 40_000_000\n", &[]);
    }
}
