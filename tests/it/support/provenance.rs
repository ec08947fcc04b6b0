//! BuildKit provenance statements: which step of which Dockerfile made which layers.
//!
//! ```ignore
//! let statement = Provenance::new("FROM debian:12\nRUN make \\\n  install\n")
//!     .source("docker-image://docker.io/library/debian:12@sha256:…", 1, 1)  // line 1, 1 layer
//!     .exec("make install", 2..=3, 2)      // lines 2 and 3; the chain has 2 layers afterwards
//!     .material("pkg:docker/debian@12?platform=linux%2Famd64", &base_digest)
//!     .version_1()
//!     .statement(&image);
//! ```

use std::ops::RangeInclusive;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use regsize::oci::Digest;
use serde_json::{Value, json};

use super::image::Image;

const V02: &str = "https://slsa.dev/provenance/v0.2";
const V1: &str = "https://slsa.dev/provenance/v1";
const BUILD_TYPE: &str = "https://mobyproject.org/buildkit@v1";

/// A provenance statement to be.
#[derive(Clone, Debug)]
pub struct Provenance {
    dockerfile: String,
    filename: String,
    steps: Vec<Step>,
    materials: Vec<Value>,
    version_1: bool,
    minimal: bool,
}

#[derive(Clone, Debug)]
struct Step {
    op: Value,
    lines: RangeInclusive<u32>,
    layers: usize,
}

impl Provenance {
    /// A statement of predicate version 0.2 with everything that `mode=max` records.
    pub fn new(dockerfile: &str) -> Self {
        Self {
            dockerfile: dockerfile.to_owned(),
            filename: "Dockerfile".to_owned(),
            steps: Vec::new(),
            materials: Vec::new(),
            version_1: false,
            minimal: false,
        }
    }

    /// Adds the step of a `FROM` line, whose image has `layers` layers.
    pub fn source(self, identifier: &str, line: u32, layers: usize) -> Self {
        self.add(json!({"source": {"identifier": identifier}}), line..=line, layers)
    }

    /// Adds the step of a `RUN`, after which the image has `layers` layers.
    pub fn exec(self, command: &str, lines: RangeInclusive<u32>, layers: usize) -> Self {
        let args = ["/bin/sh", "-c", command];
        self.add(json!({"exec": {"meta": {"args": args, "cwd": "/"}}}), lines, layers)
    }

    /// Adds the step of a `COPY`, after which the image has `layers` layers.
    pub fn copy(self, lines: RangeInclusive<u32>, layers: usize) -> Self {
        let action = json!({"Action": {"copy": {"src": "/", "dest": "/"}}});
        self.add(json!({"file": {"actions": [action]}}), lines, layers)
    }

    /// Names the Dockerfile.
    pub fn filename(self, name: &str) -> Self {
        Self { filename: name.to_owned(), ..self }
    }

    /// Adds a material, by its package URL.
    pub fn material(mut self, uri: &str, digest: &Digest) -> Self {
        self.materials.push(json!({"uri": uri, "digest": {"sha256": digest.hex()}}));
        self
    }

    /// Writes predicate version 1.
    pub fn version_1(self) -> Self {
        Self { version_1: true, ..self }
    }

    /// Leaves out what `mode=min` does not record: steps, sources and layers.
    pub fn minimal(self) -> Self {
        Self { minimal: true, ..self }
    }

    /// The statement about `image`.
    pub fn statement(&self, image: &Image) -> Value {
        let predicate =
            if self.version_1 { self.predicate_1(image) } else { self.predicate_02(image) };
        json!({
            "_type": "https://in-toto.io/Statement/v0.1",
            "predicateType": if self.version_1 { V1 } else { V02 },
            "subject": [{
                "name": "pkg:docker/team/app@latest",
                "digest": {"sha256": image.digest().hex()},
            }],
            "predicate": predicate,
        })
    }

    fn add(mut self, op: Value, lines: RangeInclusive<u32>, layers: usize) -> Self {
        self.steps.push(Step { op, lines, layers });
        self
    }

    fn predicate_1(&self, image: &Image) -> Value {
        let mut internal = json!({});
        if !self.minimal {
            internal["buildConfig"] = self.build_config();
        }
        json!({
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "configSource": {"path": self.filename},
                    "request": {"frontend": "dockerfile.v0", "args": {}},
                },
                "internalParameters": internal,
                "resolvedDependencies": self.materials,
            },
            "runDetails": {"metadata": {"buildkit_metadata": self.metadata(image)}},
        })
    }

    fn predicate_02(&self, image: &Image) -> Value {
        let key = format!("{BUILD_TYPE}#metadata");
        let mut predicate = json!({
            "buildType": BUILD_TYPE,
            "invocation": {
                "configSource": {"entryPoint": self.filename},
                "parameters": {"frontend": "dockerfile.v0", "args": {}},
            },
            "materials": self.materials,
            "metadata": {key: self.metadata(image)},
        });
        if !self.minimal {
            predicate["buildConfig"] = self.build_config();
        }
        predicate
    }

    /// The steps, each fed by the one before, and the empty step that returns the result.
    fn build_config(&self) -> Value {
        let ops = self.steps.iter().map(|step| json!({"Op": step.op}));
        let definition: Vec<Value> = ops
            .chain([json!({"Op": null})])
            .enumerate()
            .map(|(number, op)| {
                let inputs: Vec<String> = number
                    .checked_sub(1)
                    .map(|before| format!("step{before}:0"))
                    .into_iter()
                    .collect();
                json!({"id": format!("step{number}"), "op": op, "inputs": inputs})
            })
            .collect();
        json!({"llbDefinition": definition, "digestMapping": {}})
    }

    fn metadata(&self, image: &Image) -> Value {
        if self.minimal {
            return json!({});
        }
        let (mut locations, mut layers) = (json!({}), json!({}));
        let descriptors = image.layer_descriptors();
        for (number, step) in self.steps.iter().enumerate() {
            let range = json!({
                "start": {"line": step.lines.start()},
                "end": {"line": step.lines.end()},
            });
            locations[format!("step{number}")] = json!({"locations": [{"ranges": [range]}]});
            layers[format!("step{number}:0")] = json!([descriptors[..step.layers]]);
        }
        let info = json!({
            "filename": self.filename,
            "language": "Dockerfile",
            "data": STANDARD.encode(&self.dockerfile),
        });
        json!({"source": {"infos": [info], "locations": locations}, "layers": layers})
    }
}
