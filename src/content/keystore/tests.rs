use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::content::tests::{run, shown};

/// Makes a keystore with a key pair under the alias `made`.
fn keytool(folder: &Path, kind: &str, password: &str) -> Vec<u8> {
    let file = format!("{kind}-{password}.store");
    let command = [
        "keytool",
        "-genkeypair",
        "-alias",
        "made",
        "-keyalg",
        "EC",
        "-dname",
        "CN=made.example",
        "-storetype",
        kind,
        "-storepass",
        password,
        "-keypass",
        password,
        "-keystore",
        &file,
    ];
    run(folder, "default-jdk-headless", &command);
    fs::read(folder.join(file)).unwrap()
}

/// A key and its certificate.
fn pair(folder: &Path) {
    let command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem \
        -subj /CN=made.example -days 9";
    run(folder, "openssl", &command.split_ascii_whitespace().collect::<Vec<_>>());
}

fn openssl(folder: &Path, password: &str, options: &[&str]) -> Vec<u8> {
    let password = format!("pass:{password}");
    let command = ["openssl", "pkcs12", "-export", "-inkey", "key.pem", "-in", "cert.pem", "-name", "made"];
    let out = ["-out", "made.p12", "-passout", &password];
    run(folder, "openssl", &[&command[..], &out, options].concat());
    fs::read(folder.join("made.p12")).unwrap()
}

fn text(decoder: &Decoder, path: &str, bytes: &[u8]) -> String {
    let (shown, ended) = shown(decoder, path, bytes, 512);
    assert_eq!((ended, shown.faults.len()), (Ok(()), 0));
    shown.parts.first().map_or(String::new(), |part| String::from_utf8(part.1.clone()).unwrap())
}

fn assert_open(text: &str, begin: &str) {
    assert!(text.starts_with(begin), "{text}");
    assert!(text.contains("-----BEGIN PRIVATE KEY-----\n"), "{text}");
    assert!(text.contains("-----BEGIN CERTIFICATE-----\n"), "{text}");
}

#[test]
fn keys_that_a_default_password_opens_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    for (kind, decoder) in [("JKS", &JKS), ("JCEKS", &JKS), ("PKCS12", &PKCS12)] {
        let bytes = keytool(folder.path(), kind, "changeit");
        assert_open(&text(decoder, "", &bytes), "Keystore (");
        let bytes = keytool(folder.path(), kind, "payments");
        let locked = text(decoder, "etc/other.jks", &bytes);
        assert!(locked.starts_with("Locked keystore (") && locked.contains(", key made: "), "{locked}");
        assert_open(&text(decoder, "etc/payments.jks", &bytes), "Keystore (");
    }
}

const SECRETS: &str = r#"
import java.io.*; import java.security.*; import javax.crypto.spec.*;
public class Made {
    public static void main(String[] arguments) throws Exception {
        KeyStore store = KeyStore.getInstance("JCEKS");
        char[] password = arguments[0].toCharArray();
        store.load(null, password);
        byte[] text = "a made-up value of a store".getBytes("UTF-8");
        store.setKeyEntry("fs.s3a.secret.key", new SecretKeySpec(text, "AES"), password, null);
        byte[] key = new byte[24];
        key[0] = (byte) 0xfe;
        Key des = javax.crypto.SecretKeyFactory.getInstance("DESede").generateSecret(new DESedeKeySpec(key));
        store.setKeyEntry("binary", des, password, null);
        store.store(new FileOutputStream("made.jceks"), password);
    }
}"#;

#[test]
fn secret_keys_as_hadoop_keeps_credentials_are_shown_with_their_names() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("Made.java"), SECRETS).unwrap();
    let make = |password: &str| {
        run(folder.path(), "default-jdk-headless", &["java", "Made.java", password]);
        fs::read(folder.path().join("made.jceks")).unwrap()
    };
    let bytes = make("none");
    let shown = text(&JKS, "user/app/creds.jceks", &bytes);
    assert!(shown.contains("fs.s3a.secret.key_secret = \"a made-up value of a store\"\n"), "{shown}");
    assert!(shown.contains("\nbinary_secret = \"/g"), "{shown}");
    // One that stays locked is no gap: there is nothing to be done without its password.
    assert_eq!(text(&JKS, "", &make("a-long-made-up-one")), "");
    for length in 0..bytes.len() {
        let _ = jks::read(&bytes[..length]);
    }
    let ended = crate::content::tests::shown(&JKS, "", &bytes[..700], 100).1;
    assert_eq!(ended.unwrap_err().kind, crate::content::FaultKind::Unsupported);
}

#[test]
fn every_way_of_openssl_is_read() {
    let folder = tempfile::tempdir().unwrap();
    pair(folder.path());
    let ciphers = [
        &[][..],
        &["-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"],
        &["-keypbe", "PBE-SHA1-2DES", "-certpbe", "PBE-SHA1-2DES"],
        &["-legacy", "-keypbe", "PBE-SHA1-RC2-128", "-certpbe", "PBE-SHA1-RC2-40"],
        &["-legacy", "-keypbe", "PBE-SHA1-RC2-40", "-certpbe", "PBE-SHA1-3DES"],
        &["-keypbe", "AES-128-CBC", "-certpbe", "AES-192-CBC"],
        &["-keypbe", "des-ede3-cbc", "-certpbe", "NONE", "-nomac"],
    ];
    for options in ciphers {
        for password in ["notasecret", ""] {
            let bytes = openssl(folder.path(), password, options);
            let by = if password.is_empty() { "without a password" } else { "with a default password" };
            let text = text(&PKCS12, "", &bytes);
            assert!(text.contains("-----BEGIN CERTIFICATE-----"), "{options:?} {text}");
            assert_open(&text, &format!("Keystore (PKCS#12) {by}, key made:\n"));
            let key = fs::read_to_string(folder.path().join("key.pem")).unwrap();
            assert!(text.contains(&key), "{options:?}");
        }
    }
    let bytes = openssl(folder.path(), "any", &["-keypbe", "NONE", "-certpbe", "NONE"]);
    assert_open(&text(&PKCS12, "", &bytes), "Keystore (PKCS#12) without a password, key made:\n");
}

#[test]
fn a_store_of_certificates_is_no_finding() {
    let folder = tempfile::tempdir().unwrap();
    pair(folder.path());
    for (kind, decoder) in [("JKS", &JKS), ("PKCS12", &PKCS12)] {
        let file = format!("{kind}.store");
        let command = [
            "keytool",
            "-importcert",
            "-noprompt",
            "-file",
            "cert.pem",
            "-alias",
            "made",
            "-storetype",
            kind,
            "-storepass",
            "changeit",
            "-keystore",
            &file,
        ];
        run(folder.path(), "default-jdk-headless", &command);
        assert_eq!(text(decoder, "cacerts", &fs::read(folder.path().join(file)).unwrap()), "");
    }
}

#[test]
fn a_hostile_number_of_rounds_is_told_and_not_done() {
    let folder = tempfile::tempdir().unwrap();
    pair(folder.path());
    let bytes = openssl(folder.path(), "other", &["-iter", "1000000"]);
    let (shown, ended) = shown(&PKCS12, "", &bytes, 512);
    assert!(String::from_utf8_lossy(&shown.parts[0].1).starts_with("Locked keystore (PKCS#12), key made: "));
    assert_eq!(ended.unwrap_err().kind, crate::content::FaultKind::Limit(Limit::FileSeconds));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let jks = [&[0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 1][..], &bytes].concat();
        let _ = shown(&JKS, "", &jks, 7);
        let begin = [0x30, 0x80, 2, 1, 3, 0x30, 0x80, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1];
        let _ = shown(&PKCS12, "", &[&begin[..], &bytes].concat(), 7);
    }
}
