//! The registry and the images of the tests.

#![expect(dead_code, unreachable_pub, reason = "the tests use the rest")]

#[path = "../../tests/it/support/canary.rs"]
pub mod canary;
#[path = "../../tests/it/support/distribution.rs"]
pub mod distribution;
#[path = "../../tests/it/support/http.rs"]
pub mod http;
#[path = "../../tests/it/support/image.rs"]
pub mod image;
#[path = "../../tests/it/support/index.rs"]
pub mod index;
#[path = "../../tests/it/support/layer.rs"]
pub mod layer;
#[path = "../../tests/it/support/provenance.rs"]
pub mod provenance;
#[path = "../../tests/it/support/registry.rs"]
pub mod registry;
#[path = "../../tests/it/support/reply.rs"]
pub mod reply;
#[path = "../../tests/it/support/request.rs"]
pub mod request;
#[path = "../../tests/it/support/token.rs"]
pub mod token;
