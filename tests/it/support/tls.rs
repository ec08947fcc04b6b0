//! Certificate authorities and certificates, made when a test starts.
//!
//! ```ignore
//! let ca = TestCa::new();
//! let server = registry.start(Origin::default().tls(ca.certificate(Flaw::None)));
//! sandbox.run(&["inspect", &reference, "--ca-file", ca.path().to_str().unwrap()]);
//! // a certificate by an unknown authority: TestCa::new().certificate(Flaw::None)
//! ```

use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// A certificate authority, with its certificate in a file.
pub struct TestCa {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    file: tempfile::NamedTempFile,
}

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Nothing: it is for `localhost` and the addresses 127.0.0.1 to 127.0.0.8.
    None,
    /// It is for another name.
    WrongName,
    /// It is no longer valid.
    Expired,
    /// It is not yet valid.
    Future,
}

impl TestCa {
    /// Makes an authority that no one trusts.
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Authorities of one name would be taken for one with a bad signature.
        let name = format!("test authority {}", hex::encode(&key.public_key_raw()[1..9]));
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let certificate = params.self_signed(&key).expect("a certificate");
        let file = tempfile::Builder::new().suffix(".pem").tempfile().expect("a temporary file");
        std::fs::write(file.path(), certificate.pem()).expect("a writable temporary file");
        let certificate = certificate.der().clone();
        Self { issuer: Issuer::new(params, key), certificate, file }
    }

    /// The file with the authority's certificate, in PEM. It goes when `self` is dropped.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// A server's side of TLS with a new certificate.
    pub fn certificate(&self, flaw: Flaw) -> Arc<rustls::ServerConfig> {
        let mut names: Vec<String> = (1..=8).map(|last| format!("127.0.0.{last}")).collect();
        names.push("localhost".to_owned());
        if flaw == Flaw::WrongName {
            names = vec!["other.example".to_owned()];
        }
        let mut params = CertificateParams::new(names).expect("valid names");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let (from, to) = match flaw {
            Flaw::Expired => (2020, 2021),
            Flaw::Future => (2090, 2100),
            Flaw::None | Flaw::WrongName => (2020, 2100),
        };
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(to, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = rustls::ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("protocol versions of the provider")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a key that fits");
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Arc::new(config)
    }

    /// A client's side of TLS that trusts this authority alone.
    pub fn client(&self) -> Arc<rustls::ClientConfig> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.certificate.clone()).expect("the authority's certificate");
        let config = rustls::ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("protocol versions of the provider")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(config)
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
