//! regsize: where the bytes of a container image are, read from its registry alone.
//!
//! The library behind the `regsize` command: no daemon, no pull, no layer on disk. A reference is
//! resolved, the documents behind it are read and verified, and what they say is joined into
//! images and reports.
//!
//! # Where things are
//!
//! Data flows down this list; a module imports only what stands above it, and a test holds it to
//! that.
//!
//! | module | what it does |
//! |---|---|
//! | [`size`] | amounts of bytes: printing and parsing |
//! | [`process`] | programs of others, run in process groups of their own |
//! | [`pattern`] | patterns of paths and names |
//! | [`oci`] | the documents of the image spec: digests, descriptors, manifests, configs |
//! | [`secrecy`] | secrets in texts: told by their names and looks, and hidden |
//! | [`mod@reference`] | image references as users type them, of registries and of files |
//! | [`cache`] | small immutable things on disk, by digest |
//! | [`registry`] | the registry client: the only code that speaks HTTP. Authentication is in `auth` and `token`, credentials in [`registry::credentials`], where they may go in [`registry::policy`], retries in `retry` and `transport`, whole blobs in `blob`, parts of them in `range`, tags and referrers in `listing`, pull limits in `headers` |
//! | [`shared`] | the cache's listings that machines share in an object store, signed |
//! | [`image`] | one platform's manifest and config, joined: layers, build steps (`history`, `instruction`, `shell`), Dockerfile lines (`provenance`), base image (`base`) |
//! | [`layer`] | a layer's bytes to a table of contents ([`layer::Toc`]): decoding, walking the tar, tables of contents inside and beside layers; the uncompressed size from a blob's end (`tail`) |
//! | [`local`] | images in files: OCI layouts, archives of them and of `docker save`, on disk or on stdin |
//! | [`filesystem`] | layers merged, and what they store in vain |
//! | [`ledger`] | every stored file once, with what it costs, whether it is visible and what it holds; documents kept while layers passed |
//! | [`tags`] | the tags of a repository: which are meant, which is newer, what their images share |
//! | [`collect`] | from a reference to an [`image::Inspection`] and its layers: the one place where fetching meets parsing |
//! | [`package`] | what is installed, by the records of package managers, and what needs what |
//! | [`component`] | large tools, known by their files, with versions and parts |
//! | [`owner`] | whose each stored file is |
//! | [`rule`] | what could go: rules as data, what they find, and who claims which bytes |
//! | [`analysis`] | usage by layer and path, waste by step pair, efficiency, and the study of packages, owners and findings |
//! | [`snapshot`] | an image in figures, kept in reports: what comparisons, budgets and histories need |
//! | [`compare`] | images by their snapshots: layers aligned, what differs, and what made the difference |
//! | [`history`] | what published tags were, recorded in SQLite or PostgreSQL: points, events, the chain of hashes over them |
//! | [`check`] | budgets for images, and verdicts on them |
//! | [`audit`] | published tags watched: targets, when they are due and who runs them ([`audit::watch`], [`audit::queue`]), a pass over them ([`audit::pass`]), what a history says of them ([`audit::overview`]), whom to tell ([`audit::notify`]) |
//! | [`config`] | the file of settings and budgets, and dive's, each error with its line and column |
//! | [`report`] | documents for terminal, Markdown, HTML and CSV, and the JSON schema |
//! | [`cli`] | arguments in, report and exit code out |
//!
//! # What always holds
//!
//! - Bytes are bounded and verified before they mean anything. What cannot be verified (a part of
//!   a blob) is marked as inferred.
//! - What the layers of a run take of the memory together has one ceiling, [`layer::Memory`].
//! - Compressed and uncompressed bytes never share a field or an addition; an unknown size is
//!   `None` and prints as unknown, never as zero.
//! - A credential is bound to its registry's origin and the token servers that
//!   [`registry::policy`] allows, and cannot be formatted.
//! - Text from images and registries reaches a sink only through that sink's encoder.
//! - Only `cli` prints, ends the program or reads the environment; only `registry` asks others over
//!   the network, and `shared` with its client, and only `audit::serve` answers them; only `cache`,
//!   `shared`, `history`, `local` and `registry::credentials` touch the disk; only `history` and
//!   `audit::queue` speak to a database.
//! - The same digests make the same report.

pub mod size;
pub mod process;
pub mod pattern;
pub mod oci;
pub mod secrecy;
pub mod reference;
pub mod cache;
pub mod registry;
pub mod shared;
pub mod image;
pub mod layer;
pub mod local;
pub mod filesystem;
pub mod ledger;
pub mod tags;
pub mod collect;
pub mod package;
pub mod component;
pub mod owner;
pub mod rule;
pub mod analysis;
pub mod snapshot;
pub mod compare;
pub mod history;
pub mod check;
pub mod audit;
pub mod config;
pub mod report;
pub mod cli;
