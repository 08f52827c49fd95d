//! Certificates (RFC 5280): public, and told beside the private key that they belong to.

use der::Decode;
use x509_cert::Certificate;

use super::armour::{headers, label, letters};
use super::codec::{Filler, LONGEST, base64_decode, base64_encode, missing};
use super::fact::EXPIRES;
use super::pem::{PUBLIC_KEY, folded};
use super::public::PublicHalf;
use super::{Fact, Proof, Verdict, made_up};

/// Passes a certificate in PEM, or in base64 once more, that parses and whose public key is of a known kind.
pub(super) fn check(text: &[u8]) -> Proof {
    let decoded = if text.starts_with(b"-----") { None } else { base64_decode(text) };
    let facts = facts(decoded.as_deref().unwrap_or(text));
    facts.map_or(Verdict::Fail.into(), |facts| Proof::new(Verdict::Pass, facts))
}

fn facts(text: &[u8]) -> Option<[Option<Fact>; 4]> {
    let (label, after) = label(&text[..text.len().min(LONGEST)])?;
    if !matches!(label, b"CERTIFICATE" | b"TRUSTED CERTIFICATE") {
        return None;
    }
    let end = memchr::memmem::find(after, b"-----END")?;
    let (_, rest) = headers(&after[..end]);
    let bytes = base64_decode(&letters(rest)?)?;
    let certificate = Certificate::from_der(&bytes).ok()?;
    let body = certificate.tbs_certificate();
    let public = public_half(body.subject_public_key_info())?;
    let issuer =
        if body.issuer() == body.subject() { "self-signed".to_owned() } else { body.issuer().to_string() };
    let ends = i64::try_from(body.validity().not_after.to_unix_duration().as_secs()).ok();
    Some([
        // A certificate of today names its hosts in an extension, and may have no subject.
        Fact::new("subject", body.subject().to_string()).or_else(|| Fact::new("subject", "none")),
        Fact::new("issuer", issuer),
        ends.and_then(|ends| Fact::time(EXPIRES, ends)),
        Fact::new(PUBLIC_KEY, public.fingerprint()),
    ])
}

fn public_half(info: &spki::SubjectPublicKeyInfoOwned) -> Option<PublicHalf> {
    let bits = info.subject_public_key.as_bytes()?;
    match info.algorithm.oid.to_string().as_str() {
        "1.2.840.113549.1.1.1" => {
            let key = pkcs1::RsaPublicKeyRef::try_from(bits).ok()?;
            Some(PublicHalf::of_rsa(key.modulus.as_bytes(), key.public_exponent.as_bytes()))
        }
        "1.2.840.10045.2.1" => {
            let curve = info.algorithm.parameters.as_ref()?.decode_as::<spki::ObjectIdentifier>().ok()?;
            Some(PublicHalf::of_ec(&curve.to_string(), bits))
        }
        "1.3.101.112" => Some(PublicHalf::of_ed25519(bits)),
        _ => None,
    }
}

/// A whole block.
pub(super) fn complete(so_far: &str) -> String {
    let mut filler = Filler::after(so_far);
    let body = base64_encode(&made_up::certificate(&mut |size| filler.bytes(size)));
    let (head, tail) = (concat!("-----", "BEGIN CERTIFICATE-----"), concat!("-----", "END CERTIFICATE-----"));
    missing(so_far, &format!("{head}\n{}\n{tail}", folded(&body, "\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_tells_whose_it_is() {
        let text = complete("");
        let proof = check(text.as_bytes());
        assert_eq!(proof.verdict, Verdict::Pass);
        let value = |name| proof.facts.iter().find(|fact| fact.name == name).map(|fact| fact.value.as_str());
        assert_eq!((value("subject"), value("issuer")), (Some("CN=made-up"), Some("self-signed")));
        assert_eq!(value(EXPIRES), Some("2040-01-01T00:00:00Z"));
        assert_eq!(check(base64_encode(text.as_bytes()).as_bytes()), proof);
    }

    #[test]
    fn a_damaged_certificate_is_none() {
        let text = complete("");
        let end = text.find("-----END").unwrap();
        for cut in (0..end).step_by(7) {
            assert_ne!(check(&text.as_bytes()[..cut]).verdict, Verdict::Pass, "{cut}");
        }
    }
}
