//! The statement as a document: both versions of the predicate, brought to one record.
//!
//! in-toto Statement v0.1 and v1 with SLSA provenance v0.2 and v1, as BuildKit fills them. The
//! versions differ in where they keep the same things.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Deserializer};
use serde_json::Number;

use super::ProvenanceError;
use crate::oci::Digest;

/// The predicate type of SLSA provenance v0.2.
pub(super) const V0_2: &str = "https://slsa.dev/provenance/v0.2";

/// The predicate type of SLSA provenance v1.
pub(super) const V1: &str = "https://slsa.dev/provenance/v1";

/// At most this many subjects are named in an error.
const MAX_NAMED: usize = 3;

/// An in-toto statement, undecided which predicate it holds.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Statement {
    #[serde(deserialize_with = "nullable")]
    predicate_type: String,
    #[serde(deserialize_with = "nullable")]
    subject: Vec<Subject>,
    #[serde(deserialize_with = "nullable")]
    predicate: Predicate,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Subject {
    #[serde(deserialize_with = "nullable")]
    digest: BTreeMap<String, String>,
}

/// The fields of both predicates; their names do not collide.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Predicate {
    #[serde(deserialize_with = "nullable")]
    build_config: BuildConfig,
    #[serde(deserialize_with = "nullable")]
    materials: Vec<RawMaterial>,
    #[serde(deserialize_with = "nullable")]
    invocation: Invocation,
    #[serde(deserialize_with = "nullable")]
    metadata: MetadataV0_2,
    #[serde(deserialize_with = "nullable")]
    build_definition: BuildDefinition,
    #[serde(deserialize_with = "nullable")]
    run_details: RunDetails,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct BuildConfig {
    #[serde(rename = "llbDefinition", deserialize_with = "nullable")]
    steps: Vec<Step>,
}

/// One step of the build.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Step {
    /// The name that other parts of the document know it by, as in `step4`.
    #[serde(deserialize_with = "nullable")]
    pub id: String,
    #[serde(deserialize_with = "nullable")]
    op: Operation,
    /// The outputs of other steps that it builds on, as in `step3:0`.
    #[serde(deserialize_with = "nullable")]
    pub inputs: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Operation {
    #[serde(rename = "Op")]
    kind: Option<OperationKind>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OperationKind {
    source: Option<SourceOperation>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SourceOperation {
    #[serde(deserialize_with = "nullable")]
    identifier: String,
}

/// An artifact that took part in the build.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RawMaterial {
    /// A package URL for images.
    #[serde(deserialize_with = "nullable")]
    pub uri: String,
    /// Hashes in hexadecimal digits, by algorithm.
    #[serde(deserialize_with = "nullable")]
    pub digest: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Invocation {
    #[serde(deserialize_with = "nullable")]
    config_source: ConfigSource,
    #[serde(deserialize_with = "nullable")]
    parameters: Request,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ConfigSource {
    entry_point: Option<String>,
    path: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Request {
    #[serde(deserialize_with = "nullable")]
    args: FrontendArguments,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct FrontendArguments {
    source: Option<String>,
    cmdline: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct MetadataV0_2 {
    #[serde(
        rename = "https://mobyproject.org/buildkit@v1#metadata",
        deserialize_with = "nullable"
    )]
    buildkit: BuildKitMetadata,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct BuildDefinition {
    #[serde(deserialize_with = "nullable")]
    external_parameters: ExternalParameters,
    #[serde(deserialize_with = "nullable")]
    internal_parameters: InternalParameters,
    #[serde(deserialize_with = "nullable")]
    resolved_dependencies: Vec<RawMaterial>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ExternalParameters {
    #[serde(deserialize_with = "nullable")]
    config_source: ConfigSource,
    #[serde(deserialize_with = "nullable")]
    request: Request,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct InternalParameters {
    #[serde(deserialize_with = "nullable")]
    build_config: BuildConfig,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RunDetails {
    #[serde(deserialize_with = "nullable")]
    metadata: MetadataV1,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct MetadataV1 {
    #[serde(rename = "buildkit_metadata", deserialize_with = "nullable")]
    buildkit: BuildKitMetadata,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct BuildKitMetadata {
    #[serde(deserialize_with = "nullable")]
    source: SourceMap,
    #[serde(deserialize_with = "nullable")]
    layers: Layers,
}

/// The layer chains of each output of a step: `step4:0` to chains, a chain being its blobs.
pub(super) type Layers = BTreeMap<String, Option<Vec<Option<Vec<Blob>>>>>;

/// A layer as the build made it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Blob {
    /// The digest as written.
    #[serde(deserialize_with = "nullable")]
    pub digest: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SourceMap {
    #[serde(deserialize_with = "nullable")]
    infos: Vec<SourceInfo>,
    #[serde(deserialize_with = "nullable")]
    locations: BTreeMap<String, Option<Locations>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SourceInfo {
    #[serde(deserialize_with = "nullable")]
    filename: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Locations {
    #[serde(deserialize_with = "nullable")]
    locations: Vec<Location>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Location {
    source_index: Option<Number>,
    #[serde(deserialize_with = "nullable")]
    ranges: Vec<Range>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Range {
    #[serde(deserialize_with = "nullable")]
    start: Position,
    #[serde(deserialize_with = "nullable")]
    end: Position,
}

/// A place in a file; BuildKit leaves out zeros.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Position {
    line: Option<Number>,
}

/// What both versions of the predicate tell, in one form.
pub(super) struct Record {
    /// The build's steps, inputs before what is built from them.
    pub steps: Vec<Step>,
    /// The layer chains of the steps.
    pub layers: Layers,
    /// Names of the Dockerfiles.
    pub files: Vec<String>,
    /// The name of the Dockerfile that the build was asked for.
    pub config_file: Option<String>,
    /// Places in the Dockerfiles, by step.
    pub places: HashMap<String, Place>,
    /// Artifacts that took part in the build.
    pub materials: Vec<RawMaterial>,
    /// References of images that read the Dockerfile.
    pub frontends: Vec<String>,
}

/// Lines of one of the Dockerfiles.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Position in `Record::files`.
    pub file: usize,
    /// First line, counted from 1.
    pub start: u32,
    /// Last line, inclusive.
    pub end: u32,
}

impl Statement {
    /// The record, if the statement is provenance of the image with this manifest.
    pub(super) fn into_record(self, manifest: &Digest) -> Result<Record, ProvenanceError> {
        let is_v1 = match self.predicate_type.as_str() {
            V0_2 => false,
            V1 => true,
            _ => return Err(ProvenanceError::PredicateType { given: self.predicate_type }),
        };
        if !self.subject.iter().any(|subject| subject.is(manifest)) {
            let given = name_subjects(&self.subject);
            return Err(ProvenanceError::Subject { given, expected: manifest.clone() });
        }
        let predicate = self.predicate;
        Ok(if is_v1 {
            predicate.build_definition.into_record(predicate.run_details.metadata.buildkit)
        } else {
            record(
                predicate.build_config,
                predicate.metadata.buildkit,
                predicate.materials,
                predicate.invocation.config_source,
                predicate.invocation.parameters,
            )
        })
    }
}

impl BuildDefinition {
    fn into_record(self, metadata: BuildKitMetadata) -> Record {
        record(
            self.internal_parameters.build_config,
            metadata,
            self.resolved_dependencies,
            self.external_parameters.config_source,
            self.external_parameters.request,
        )
    }
}

fn record(
    config: BuildConfig,
    metadata: BuildKitMetadata,
    materials: Vec<RawMaterial>,
    config_source: ConfigSource,
    request: Request,
) -> Record {
    let places = metadata.source.locations.into_iter();
    Record {
        steps: config.steps,
        layers: metadata.layers,
        files: metadata.source.infos.into_iter().map(|info| info.filename).collect(),
        config_file: config_source
            .path
            .or(config_source.entry_point)
            .filter(|path| !path.is_empty()),
        places: places.filter_map(|(step, found)| Some((step, found?.place()?))).collect(),
        materials,
        frontends: [request.args.source, request.args.cmdline].into_iter().flatten().collect(),
    }
}

impl Subject {
    fn is(&self, manifest: &Digest) -> bool {
        self.digest.get(manifest.algorithm()).is_some_and(|hex| hex == manifest.hex())
    }
}

fn name_subjects(subjects: &[Subject]) -> String {
    let digests = subjects.iter().flat_map(|subject| &subject.digest);
    let named: Vec<String> = digests
        .take(MAX_NAMED)
        .map(|(algorithm, hex)| format!("{algorithm}:{hex}").chars().take(160).collect())
        .collect();
    if named.is_empty() { "no image".to_owned() } else { named.join(", ") }
}

impl Step {
    /// The identifier of what the step fetches, if that is what it does.
    pub(super) fn source(&self) -> Option<&str> {
        Some(self.op.kind.as_ref()?.source.as_ref()?.identifier.as_str())
    }

    /// Whether the step makes files out of its inputs; the last step only marks the result.
    pub(super) fn makes_files(&self) -> bool {
        self.op.kind.as_ref().is_some_and(|kind| kind.source.is_none())
    }
}

impl Locations {
    /// The first location with known lines, from its first line to its last.
    fn place(&self) -> Option<Place> {
        self.locations.iter().find_map(Location::place)
    }
}

impl Location {
    fn place(&self) -> Option<Place> {
        let file = match &self.source_index {
            Some(number) => usize::try_from(number.as_u64()?).ok()?,
            None => 0,
        };
        let lines = || self.ranges.iter().filter_map(Range::lines);
        let start = lines().map(|(start, _)| start).min()?;
        let end = lines().map(|(_, end)| end).max()?;
        Some(Place { file, start, end })
    }
}

impl Range {
    fn lines(&self) -> Option<(u32, u32)> {
        let start = self.start.number().or(self.end.number())?;
        let end = self.end.number().unwrap_or(start);
        Some((start, end.max(start)))
    }
}

impl Position {
    fn number(&self) -> Option<u32> {
        u32::try_from(self.line.as_ref()?.as_u64()?).ok().filter(|&line| line > 0)
    }
}

fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}
