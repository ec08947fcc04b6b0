//! Buckets of S3, Google Cloud Storage and Azure, reached by the HTTP client of the registries.
//!
//! Redirects are not followed, certificates are always checked, and plain HTTP wants the store's
//! own variable (`AWS_ALLOW_HTTP` and its like).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::client::{HttpClient, HttpConnector};
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::{
    BackoffConfig, ClientConfigKey, ClientOptions, Error, ObjectStore, Result, RetryConfig,
};
use url::Url;

use super::{Network, Variables};
use crate::registry::client_of_service;

/// Where machines in a cloud ask for their credentials, which no proxy can answer.
const METADATA: [&str; 3] = ["169.254.169.254", "169.254.170.2", "metadata.google.internal"];

/// Makes the client of a bucket.
pub(super) fn open(
    url: &Url,
    variables: &Variables,
    network: &Network,
) -> Result<Arc<dyn ObjectStore>, String> {
    let connector = Connector { url: url.clone(), network: network.clone() };
    let explain = |error: Error| error.to_string();
    macro_rules! build {
        ($builder:ty, $prefix:literal) => {{
            let builder = <$builder>::new()
                .with_url(url.as_str())
                .with_retry(retry())
                .with_http_connector(connector);
            let own = variables.0.iter().filter(|(name, _)| name.starts_with($prefix));
            let builder = own.fold(builder, |builder, (name, value)| {
                match name.to_ascii_lowercase().parse() {
                    Ok(key) => builder.with_config(key, value.expose()),
                    Err(_) => builder,
                }
            });
            Ok(Arc::new(builder.build().map_err(explain)?))
        }};
    }
    match url.scheme() {
        "s3" => build!(AmazonS3Builder, "AWS_"),
        "gs" => build!(GoogleCloudStorageBuilder, "GOOGLE_"),
        _ => build!(MicrosoftAzureBuilder, "AZURE_"),
    }
}

/// One more attempt, soon: a miss costs less than a wait.
fn retry() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_millis(500),
            base: 2.0,
        },
        max_retries: 1,
        retry_timeout: Duration::from_secs(4),
    }
}

struct Connector {
    url: Url,
    network: Network,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Addresses of proxies may hold passwords.
        f.debug_struct("Connector").finish_non_exhaustive()
    }
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> Result<HttpClient> {
        let allowed = options.get_config_value(&ClientConfigKey::AllowHttp);
        let plain = allowed.is_some_and(|value| value == "true");
        let mut proxies = self.network.proxies.clone();
        let exceptions = METADATA.map(str::to_owned).into_iter().chain(proxies.exceptions.take());
        proxies.exceptions = Some(exceptions.collect::<Vec<_>>().join(","));
        client_of_service(&self.url, &proxies, &self.network.ca_certificates, plain)
            .map(HttpClient::new)
            .map_err(|error| Error::Generic { store: "http", source: Box::new(error) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Secret;

    fn check(url: &str, variables: &[(&str, &str)], expected: Result<&str, &str>) {
        let own =
            |(name, value): &(&str, &str)| ((*name).to_owned(), Secret::new((*value).to_owned()));
        let variables = Variables(variables.iter().map(own).collect());
        let opened = open(&url.parse().unwrap(), &variables, &Network::default());
        match (opened, expected) {
            (Ok(store), Ok(expected)) => assert_eq!(store.to_string(), expected, "{url}"),
            (Err(error), Err(part)) => assert!(error.contains(part), "{url}: {error}"),
            (opened, _) => panic!("{url}: {:?}", opened.map(|store| store.to_string())),
        }
    }

    #[test]
    fn buckets_are_set_up_by_their_own_variables() {
        let s3 = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b"), ("AWS_X", "c")];
        check("s3://bucket/prefix", &s3, Ok("AmazonS3(bucket)"));
        check("gs://bucket/prefix", &[], Ok("GoogleCloudStorage(bucket)"));
        let azure = [("AZURE_STORAGE_ACCOUNT_NAME", "me"), ("AZURE_STORAGE_ACCOUNT_KEY", "Zm9v")];
        check(
            "az://container/prefix",
            &azure,
            Ok("MicrosoftAzure { account: me, container: container }"),
        );
        check("az://container/prefix", &s3, Err("ccount"));
    }
}
