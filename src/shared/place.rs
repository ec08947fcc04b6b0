//! Where a shared cache is, and how it is reached.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use thiserror::Error;
use url::Url;

#[cfg(feature = "cloud")]
use super::cloud;
use super::{Network, Variables};

/// An address of a shared cache: `s3://bucket/prefix`, `gs://…`, `az://…` or `file:///directory`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(Url);

/// Why a text is no address of a shared cache.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlaceError {
    /// It is not a URL.
    #[error("the address of a shared cache is a URL such as s3://bucket/prefix")]
    NotUrl,
    /// It is a URL of something else.
    #[error("a shared cache is in s3://, gs://, az:// or file:///, not in {0}://")]
    Scheme(String),
    /// The bucket is missing.
    #[error("the address of a shared cache names no bucket")]
    NoBucket,
    /// It has parts that would be ignored.
    #[error("the address of a shared cache has neither user, password, port, query nor fragment")]
    Extra,
}

/// What holds the objects, and where in it they are.
pub(super) type Opened = (Arc<dyn ObjectStore>, Path);

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let url = Url::parse(text.trim()).map_err(|_| PlaceError::NotUrl)?;
        let is_file = url.scheme() == "file";
        if !is_file && !["s3", "gs", "az"].contains(&url.scheme()) {
            return Err(PlaceError::Scheme(url.scheme().to_owned()));
        }
        if !is_file && url.host_str().is_none_or(str::is_empty) {
            return Err(PlaceError::NoBucket);
        }
        let has_more = !url.username().is_empty()
            || url.password().is_some()
            || url.port().is_some()
            || url.query().is_some()
            || url.fragment().is_some();
        if has_more { Err(PlaceError::Extra) } else { Ok(Self(url)) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl Place {
    /// Prepares the way there; nobody is asked yet.
    pub(super) fn open(&self, variables: &Variables, network: &Network) -> Result<Opened, String> {
        if self.0.scheme() == "file" {
            let directory = self.0.to_file_path().map_err(|()| "it is no path".to_owned())?;
            let store = LocalFileSystem::new_with_prefix(&directory)
                .map_err(|_| "there is no such directory".to_owned())?;
            return Ok((Arc::new(store), Path::default()));
        }
        let prefix = Path::from_url_path(self.0.path()).map_err(|error| error.to_string())?;
        #[cfg(feature = "cloud")]
        return Ok((cloud::open(&self.0, variables, network)?, prefix));
        #[cfg(not(feature = "cloud"))]
        {
            let _ = (variables, network, prefix);
            Err("this program was built without the feature `cloud`".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, PlaceError>) {
        let place = text.parse::<Place>().map(|place| place.to_string());
        assert_eq!(place, expected.map(str::to_owned), "{text}");
    }

    #[test]
    fn addresses_name_a_bucket_or_a_directory() {
        check("s3://bucket/team/regsize", Ok("s3://bucket/team/regsize"));
        check("gs://bucket", Ok("gs://bucket"));
        check("az://container/prefix/", Ok("az://container/prefix/"));
        check("file:///srv/regsize", Ok("file:///srv/regsize"));
        check("", Err(PlaceError::NotUrl));
        check("/srv/regsize", Err(PlaceError::NotUrl));
        check("https://bucket.example/x", Err(PlaceError::Scheme("https".to_owned())));
        check("s3:///x", Err(PlaceError::NoBucket));
        check("s3://key:secret@bucket/x", Err(PlaceError::Extra));
        check("s3://bucket/x?versionId=1", Err(PlaceError::Extra));
    }
}
