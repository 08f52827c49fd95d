//! TLS of the service: the certificate that it shows to those who connect, and whom it trusts as its database.
//!
//! Certificates live for days or weeks and are renewed in place, by programs that know nothing of this one. So the files
//! are read again and again, and what they hold is used when it changed and is right; until then what was right stays.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use zeroize::Zeroizing;

use crate::digest::Digest;
use crate::stream::read_bounded;

/// The files of a certificate and its key, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate, and behind it those that vouch for it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// What the files of an identity held.
#[derive(Clone)]
pub(super) struct Loaded {
    pub(super) config: Arc<ServerConfig>,
    /// The digest of both files.
    digest: Digest,
}

/// More than any chain of certificates needs.
const LARGEST: u64 = 1 << 20;

impl Identity {
    /// What the files hold now, if it is not what `known` is. An error says what is wrong, and nothing of the key.
    pub(super) fn load(&self, known: Option<&Loaded>) -> Result<Option<Loaded>, String> {
        let certificate = read(&self.certificate)?;
        let key = read(&self.key)?;
        let digest = Digest::of(&Zeroizing::new([&certificate[..], &[0], &key[..]].concat()));
        if known.is_some_and(|known| known.digest == digest) {
            return Ok(None);
        }
        let (certificate_file, key_file) = (self.certificate.display(), self.key.display());
        let chain = CertificateDer::pem_slice_iter(&certificate).collect::<Result<Vec<_>, _>>();
        let chain = chain.ok().filter(|chain| !chain.is_empty());
        let chain = chain.ok_or_else(|| format!("{certificate_file} holds no certificate in PEM"))?;
        let key = PrivateKeyDer::from_pem_slice(&key);
        let key = key.map_err(|_| format!("{key_file} holds no private key in PEM"))?;
        let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let mut config = builder
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| format!("{certificate_file} and {key_file} cannot be used together: {error}"))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Some(Loaded { config: Arc::new(config), digest }))
    }
}

/// What connects to servers with a certificate of an authority that the file `root` holds; without it, of the system's.
pub(super) fn trusting(root: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = root {
        let bytes = read(path)?;
        let found = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
        roots.add_parsable_certificates(found.unwrap_or_default());
        if roots.is_empty() {
            return Err(format!("{} holds no certificate in PEM", path.display()));
        }
    } else {
        // What the system has and cannot be parsed is as good as not there; without any, connections say so.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let bytes = File::open(path).and_then(|mut file| read_bounded(&mut file, LARGEST));
    let bytes = bytes.and_then(|bytes| bytes.ok_or_else(|| io::Error::other("it is too large")));
    bytes.map(Zeroizing::new).map_err(|error| format!("cannot read {}: {error}", path.display()))
}
