//! The answers of the scripted registry: the read side of the distribution API.
//!
//! It is stricter than real registries where these differ, so that a client that leans on one of
//! them fails: manifests need an `Accept` that names their type, and only one closed range
//! (`bytes=a-b`) is a range.

use std::ops::Bound;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use regsize::oci::Digest;
use serde_json::{Value, json};

use super::http::Request;
use super::image::{DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};
use super::registry::{Auth, DigestHeader, Registry, Repository};
use super::reply::Reply;

const NEGOTIATED: [&str; 4] = [OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST];

impl Registry {
    pub(super) fn answer(&mut self, request: &Request) -> Reply {
        let path = request.path().to_owned();
        let Some(rest) = path.strip_prefix("/v2/") else { return Reply::status(404) };
        let mut parts: Vec<&str> = rest.rsplitn(3, '/').collect();
        parts.reverse();
        let [repository, kind, name] = parts[..] else {
            return if rest.is_empty() { self.ping(request) } else { Reply::status(404) };
        };
        if let Some(refusal) = self.refusal(request, repository, kind) {
            return refusal;
        }
        let Some(found) = self.repositories.get(repository) else {
            return Reply::error(404, "NAME_UNKNOWN", "repository name not known to registry");
        };
        if found.denied {
            return Reply::error(403, "DENIED", "requested access to the resource is denied");
        }
        match (kind, name) {
            ("manifests", name) => self.manifest(request, repository, name),
            ("blobs", digest) => self.blob(request, repository, digest),
            ("tags", "list") => self.tags(request, repository, found),
            ("referrers", digest) if self.listing.referrers => {
                self.referrers_reply(request, repository, digest)
            }
            _ => Reply::status(404)
                .header("Content-Type", "text/plain; charset=utf-8")
                .body("404 page not found\n"),
        }
    }

    fn ping(&self, request: &Request) -> Reply {
        self.refusal(request, "", "").unwrap_or_else(|| {
            Reply::json(200, &json!({})).header("Docker-Distribution-API-Version", "registry/2.0")
        })
    }

    /// The answer to a request without the right credentials.
    fn refusal(&self, request: &Request, repository: &str, kind: &str) -> Option<Reply> {
        let given = request.header("authorization");
        if kind == "blobs" && self.blobs.refuse_authorization && given.is_some() {
            return Some(Reply::status(400).body("InvalidAuthenticationInfo"));
        }
        let challenge = match &self.auth {
            Auth::None => return None,
            Auth::Basic(user, password) => {
                let expected = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
                if given == Some(&expected) {
                    return None;
                }
                "Basic realm=\"test registry\"".to_owned()
            }
            Auth::Bearer(challenge) => {
                let token = given.and_then(|text| text.strip_prefix("Bearer "));
                if token.is_some_and(|token| challenge.tokens.accept(token, repository)) {
                    return None;
                }
                challenge_text(&challenge.realm, &challenge.service, repository, token.is_some())
            }
        };
        let reply = Reply::error(401, "UNAUTHORIZED", "authentication required");
        Some(reply.header("WWW-Authenticate", challenge))
    }

    fn manifest(&mut self, request: &Request, repository: &str, name: &str) -> Reply {
        if let Some(status) = self.manifests.head_status
            && request.method == "HEAD"
        {
            return Reply::status(status);
        }
        let rules = &self.manifests;
        let over = rules.rate_limit.as_ref().is_some_and(|rate| rate.remaining == 0);
        let reply = if over && request.method == "GET" {
            Reply::error(429, "TOOMANYREQUESTS", "You have reached your pull rate limit.")
        } else {
            find_manifest(&self.repositories[repository], request, name, &rules.digest_header)
        };
        self.with_rate_limit(reply, request)
    }

    fn with_rate_limit(&mut self, reply: Reply, request: &Request) -> Reply {
        let Some(rate) = &mut self.manifests.rate_limit else { return reply };
        if request.method == "GET" {
            rate.remaining = rate.remaining.saturating_sub(1);
        }
        reply
            .header("ratelimit-limit", format!("{};w={}", rate.limit, rate.window))
            .header("ratelimit-remaining", format!("{};w={}", rate.remaining, rate.window))
            .header("docker-ratelimit-source", rate.source.clone())
    }

    fn blob(&mut self, request: &Request, repository: &str, digest: &str) -> Reply {
        let Some(bytes) = self.repositories[repository].blobs.get(digest).cloned() else {
            return Reply::error(404, "BLOB_UNKNOWN", "blob unknown to registry");
        };
        if let Some((origin, status)) = &self.blobs.redirect {
            self.blobs.issued_links += 1;
            let link = self.blobs.issued_links;
            return Reply::status(*status)
                .header("Location", format!("{origin}{}?signature={link}", request.path()));
        }
        if let Some(uses) = self.blobs.uses_per_link {
            let signature = request.query("signature").join(",");
            let used = self.blobs.links.entry(signature).or_default();
            *used += 1;
            if *used > uses {
                return Reply::status(403).body("<Error><Code>AccessDenied</Code></Error>");
            }
        }
        let reply = match request.header("range") {
            Some(range) if !self.blobs.ignore_ranges => self.range(&bytes, range),
            _ => Reply::ok(bytes),
        };
        reply
            .header("Content-Type", "application/octet-stream")
            .header("Docker-Content-Digest", digest)
    }

    fn range(&self, bytes: &Bytes, range: &str) -> Reply {
        if range.contains(',') {
            return Reply::status(501);
        }
        let numbers = range.strip_prefix("bytes=").and_then(|range| range.split_once('-'));
        let numbers = numbers.and_then(|(first, last)| {
            Some((first.parse::<usize>().ok()?, last.parse::<usize>().ok()?))
        });
        let Some((first, last)) = numbers else { return Reply::ok(bytes.clone()) };
        if first >= bytes.len() || last < first {
            return Reply::status(416).header("Content-Range", format!("bytes */{}", bytes.len()));
        }
        let longest = self.blobs.largest_range.unwrap_or(bytes.len());
        let end = last.saturating_add(1).min(bytes.len()).min(first.saturating_add(longest));
        Reply::status(206)
            .body(bytes.slice(first..end))
            .header("Content-Range", format!("bytes {first}-{}/{}", end - 1, bytes.len()))
    }

    fn tags(&self, request: &Request, name: &str, repository: &Repository) -> Reply {
        let last = request.query("last").pop().unwrap_or_default();
        let wanted = request.query("n").pop().and_then(|text| text.parse::<usize>().ok());
        let mut size = wanted.or(self.listing.page_size).unwrap_or(usize::MAX);
        size = size.min(self.listing.page_size.unwrap_or(usize::MAX));
        let after = (Bound::Excluded(&last), Bound::Unbounded);
        let tags = repository.tags.range::<String, _>(after).map(|(tag, _)| tag);
        let mut tags: Vec<&String> = tags.take(size.saturating_add(1)).collect();
        let more = tags.len() > size;
        tags.truncate(size);
        let reply = Reply::json(200, &json!({"name": name, "tags": tags}));
        match tags.last() {
            Some(last) if more => reply.header(
                "Link",
                format!("</v2/{name}/tags/list?last={last}&n={size}>; rel=\"next\""),
            ),
            _ => reply,
        }
    }

    fn referrers_reply(&self, request: &Request, repository: &str, digest: &str) -> Reply {
        let wanted = request.query("artifactType").pop();
        let index = self.referrers_of(repository, digest, wanted.as_deref());
        let reply = Reply::json(200, &index).header("Content-Type", OCI_INDEX);
        match wanted {
            Some(_) => reply.header("OCI-Filters-Applied", "artifactType"),
            None => reply,
        }
    }

    /// The index of the repository's manifests that have `subject` as theirs.
    pub(super) fn referrers_of(
        &self,
        repository: &str,
        subject: &str,
        artifact_type: Option<&str>,
    ) -> Value {
        let found = self.repositories.get(repository);
        let manifests: Vec<Value> = found
            .iter()
            .flat_map(|repository| repository.manifests.values())
            .filter_map(|(bytes, media_type)| referrer(bytes, media_type, subject))
            .filter(|entry| artifact_type.is_none_or(|wanted| entry["artifactType"] == wanted))
            .collect();
        json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests})
    }
}

fn challenge_text(realm: &str, service: &str, repository: &str, refused: bool) -> String {
    let mut parts = vec![format!("realm=\"{realm}\""), format!("service=\"{service}\"")];
    if !repository.is_empty() {
        parts.push(format!("scope=\"repository:{repository}:pull\""));
    }
    if refused {
        parts.push("error=\"invalid_token\"".to_owned());
    }
    format!("Bearer {}", parts.join(","))
}

fn find_manifest(
    repository: &Repository,
    request: &Request,
    name: &str,
    digest_header: &DigestHeader,
) -> Reply {
    let unknown = || Reply::error(404, "MANIFEST_UNKNOWN", "manifest unknown");
    let digest = repository.tags.get(name).map_or(name, String::as_str);
    let Some((bytes, media_type)) = repository.manifests.get(digest) else { return unknown() };
    let accepted = request.headers.iter().any(|(name, value)| {
        name.eq_ignore_ascii_case("accept")
            && (value.contains(media_type.as_str()) || value.contains("*/*"))
    });
    if !accepted && NEGOTIATED.contains(&media_type.as_str()) {
        return unknown();
    }
    let reply = Reply::ok(bytes.clone()).header("Content-Type", media_type.clone());
    match digest_header {
        DigestHeader::Right => reply.header("Docker-Content-Digest", digest),
        DigestHeader::Absent => reply,
        DigestHeader::Text(text) => reply.header("Docker-Content-Digest", text.clone()),
    }
}

fn referrer(bytes: &Bytes, media_type: &str, subject: &str) -> Option<Value> {
    let manifest: Value = serde_json::from_slice(bytes).ok()?;
    if manifest["subject"]["digest"] != subject {
        return None;
    }
    let artifact_type =
        manifest.get("artifactType").unwrap_or(&manifest["config"]["mediaType"]).clone();
    Some(json!({
        "mediaType": media_type,
        "digest": Digest::of(bytes),
        "size": bytes.len(),
        "artifactType": artifact_type,
        "annotations": manifest.get("annotations").cloned().unwrap_or(json!({})),
    }))
}
