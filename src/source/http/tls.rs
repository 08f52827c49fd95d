//! Whom to trust, and as whom to come: certificates of the system and of files.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

use crate::source::remote::{Remote, RemoteError, RemoteFault};
use crate::stream::read_bounded;

/// More than any file of certificates needs.
const LARGEST: u64 = 16 << 20;

/// For how long what was read is believed: certificates are replaced beside a program that runs for long.
const AGE: Duration = Duration::from_secs(10 * 60);

/// Configurations that were read, for whoever asks again with the same files: the system has a hundred of them and more.
#[derive(Clone, Default)]
pub struct KnownCertificates(Arc<Mutex<Option<Read>>>);

struct Read {
    when: Instant,
    authorities: Vec<PathBuf>,
    client: [Option<PathBuf>; 2],
    configurations: [TlsConfig; 2],
}

impl fmt::Debug for KnownCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KnownCertificates")
    }
}

/// The configuration of TLS that `remote` describes: for servers that the user named, and for those that they name, to which
/// nobody comes with the user's certificate.
pub(super) fn configurations(remote: &Remote) -> Result<[TlsConfig; 2], RemoteError> {
    let mut known = remote.known.0.lock().unwrap_or_else(PoisonError::into_inner);
    let client = [remote.certificate.clone(), remote.key.clone()];
    if let Some(read) = known.as_ref().filter(|read| read.when.elapsed() < AGE)
        && (&read.authorities, &read.client) == (&remote.authorities, &client)
    {
        return Ok(read.configurations.clone());
    }
    let configurations = read_all(remote)?;
    let (authorities, when) = (remote.authorities.clone(), Instant::now());
    *known = Some(Read { when, authorities, client, configurations: configurations.clone() });
    Ok(configurations)
}

fn read_all(remote: &Remote) -> Result<[TlsConfig; 2], RemoteError> {
    // What the system has and cannot be parsed is as good as not there; without any, connections say so.
    let system = rustls_native_certs::load_native_certs();
    let mut trusted: Vec<Certificate<'static>> =
        system.certs.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
    for path in &remote.authorities {
        trusted.extend(certificates(path)?);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let trusted = Arc::new(trusted);
    let configuration = |client| {
        TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::clone(&trusted)))
            .client_cert(client)
            .unversioned_rustls_crypto_provider(Arc::clone(&provider))
            .build()
    };
    Ok([configuration(client(remote)?), configuration(None)])
}

/// How many certificates are trusted: those of the system, and those of files that the user named.
pub(in super::super) fn trusted(remote: &Remote) -> Result<[usize; 2], RemoteError> {
    let own = remote.authorities.iter().map(|path| certificates(path).map(|all| all.len()));
    let own = own.sum::<Result<usize, RemoteError>>()?;
    client(remote)?;
    Ok([rustls_native_certs::load_native_certs().certs.len(), own])
}

/// The configuration that a folder of an engine's client describes: `ca.pem`, whom to trust and nobody else, with `cert.pem` and
/// `key.pem`, as whom to come.
pub(super) fn of_engine(folder: &Path) -> Result<TlsConfig, RemoteError> {
    let file = |name: &str| Some(folder.join(name)).filter(|path| path.exists());
    let roots = match file("ca.pem") {
        Some(path) => certificates(&path)?,
        None => rustls_native_certs::load_native_certs()
            .certs
            .iter()
            .map(|certificate| Certificate::from_der(certificate).to_owned())
            .collect(),
    };
    let (certificate, key) = (file("cert.pem"), file("key.pem"));
    let client = client(&Remote { certificate, key, ..Remote::default() })?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .client_cert(client)
        .unversioned_rustls_crypto_provider(provider)
        .build())
}

fn client(remote: &Remote) -> Result<Option<ClientCert>, RemoteError> {
    let (certificate, key) = match (&remote.certificate, &remote.key) {
        (None, None) => return Ok(None),
        (Some(certificate), Some(key)) => (certificate, key),
        _ => {
            let message = "a client's certificate and its key are of use only together";
            return Err(RemoteError::new(
                RemoteFault::Final,
                message,
                "give --registry-cert and --registry-key, or cert.pem and key.pem to an engine's client",
            ));
        }
    };
    let chain = certificates(certificate)?;
    let key = private_key(key)?;
    Ok(Some(ClientCert::new_with_certs(&chain, key)))
}

/// Every certificate of a file; there must be one.
fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, RemoteError> {
    let bytes = read(path)?;
    let items: Result<Vec<_>, _> = parse_pem(&bytes).collect();
    let items = items.map_err(|_| unusable(path, "it is not PEM"))?;
    let certificate = |item| match item {
        PemItem::Certificate(certificate) => Some(certificate),
        _ => None,
    };
    let certificates: Vec<_> = items.into_iter().filter_map(certificate).collect();
    if certificates.is_empty() {
        Err(unusable(path, "there is no certificate in it"))
    } else {
        Ok(certificates)
    }
}

fn private_key(path: &Path) -> Result<PrivateKey<'static>, RemoteError> {
    let bytes = zeroize::Zeroizing::new(read(path)?);
    PrivateKey::from_pem(&bytes).map_err(|_| unusable(path, "there is no private key in it that can be used"))
}

fn read(path: &Path) -> Result<Vec<u8>, RemoteError> {
    let bytes = File::open(path).and_then(|mut file| read_bounded(&mut file, LARGEST));
    match bytes {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(unusable(path, "it is too large")),
        Err(error) => Err(unusable(path, &error.to_string())),
    }
}

fn unusable(path: &Path, why: &str) -> RemoteError {
    let message = format!("{} cannot be used: {why}", path.display());
    RemoteError::new(RemoteFault::Final, message, "name a PEM file with what it should hold")
}
