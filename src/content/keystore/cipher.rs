//! Undoing the encryption of keys with a password that was guessed: what Java, OpenSSL, Windows and NSS write.

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt, InnerIvInit, KeyIvInit};
use sha1::{Digest as _, Sha1};

use super::tlv::{self, BYTES, INTEGER, OBJECT, SEQUENCE};

/// How many rounds of hashing a file may cost. Undoing a block of bytes counts as one.
#[derive(Debug)]
pub(super) struct Budget(pub(super) u64);

impl Budget {
    fn spend(&mut self, rounds: u64) -> Option<()> {
        self.0 = self.0.checked_sub(rounds)?;
        Some(())
    }
}

/// What [`open`] says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Opened {
    /// The plain bytes.
    Plain(Vec<u8>),
    /// Another password.
    Locked,
    /// A method that is not known here.
    Unknown,
    /// More rounds than are left.
    TooMany,
}

const PBES2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 13];
const PBKDF2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 12];
/// Without the last number, which says how.
const PKCS12: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 12, 1];
const HMACS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2];
const AES: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1];
const TRIPLE_DES: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 3, 7];
/// Sun's own two: the one of JKS, and the one of JCEKS.
const JKS: &[u8] = &[0x2b, 6, 1, 4, 1, 0x2a, 2, 0x11, 1, 1];
pub(super) const JCEKS: &[u8] = &[0x2b, 6, 1, 4, 1, 0x2a, 2, 0x13, 1];

/// Bytes of a block of the usual ciphers.
const BLOCK: usize = 16;

/// Tries `password` on `data`, which was encrypted as `algorithm` (the inside of an `AlgorithmIdentifier`) says.
pub(super) fn open(mut algorithm: &[u8], data: &[u8], password: &str, budget: &mut Budget) -> Opened {
    let Some(identifier) = tlv::take(&mut algorithm, OBJECT) else { return Opened::Unknown };
    let parameters = tlv::take(&mut algorithm, SEQUENCE);
    if budget.spend((data.len() / BLOCK) as u64).is_none() {
        return Opened::TooMany;
    }
    if identifier == JKS {
        return jks(data, password).map_or(Opened::Locked, Opened::Plain);
    }
    let Some((method, rounds)) = parameters.and_then(|parameters| method(identifier, parameters)) else {
        return Opened::Unknown;
    };
    if budget.spend(rounds).is_none() {
        return Opened::TooMany;
    }
    match method.decrypt(data, password) {
        Some(plain) => Opened::Plain(plain),
        None => Opened::Locked,
    }
}

/// How a key and what it opens are made.
enum Method<'a> {
    Pbes2 { salt: &'a [u8], rounds: u32, hash: u8, cipher: &'a [u8], iv: &'a [u8] },
    Pkcs12 { salt: &'a [u8], rounds: u32, how: u8 },
    Jceks { salt: &'a [u8], rounds: u32 },
}

/// The method, and how many rounds of hashing it costs.
fn method<'a>(identifier: &[u8], parameters: &'a [u8]) -> Option<(Method<'a>, u64)> {
    if identifier == PBES2 {
        return pbes2(parameters);
    }
    let mut parameters = parameters;
    let salt = tlv::take(&mut parameters, BYTES)?;
    let rounds = u32::try_from(tlv::number(tlv::take(&mut parameters, INTEGER)?)?).ok()?;
    if identifier == JCEKS {
        return Some((Method::Jceks { salt, rounds }, 2 * u64::from(rounds)));
    }
    let how = *identifier.strip_prefix(PKCS12)?.first()?;
    // Key and initial vector, of at most 24 and 8 bytes: three hashes of 20.
    Some((Method::Pkcs12 { salt, rounds, how }, 3 * u64::from(rounds)))
}

fn pbes2(mut parameters: &[u8]) -> Option<(Method<'_>, u64)> {
    let mut derivation = tlv::take(&mut parameters, SEQUENCE)?;
    let mut encryption = tlv::take(&mut parameters, SEQUENCE)?;
    if tlv::take(&mut derivation, OBJECT)? != PBKDF2 {
        return None;
    }
    let mut derivation = tlv::take(&mut derivation, SEQUENCE)?;
    let salt = tlv::take(&mut derivation, BYTES)?;
    let rounds = u32::try_from(tlv::number(tlv::take(&mut derivation, INTEGER)?)?).ok()?;
    let _length = tlv::take(&mut derivation, INTEGER);
    let hash = match tlv::take(&mut derivation, SEQUENCE) {
        None => 7,
        Some(mut hash) => *tlv::take(&mut hash, OBJECT)?.strip_prefix(HMACS)?.first()?,
    };
    let cipher = tlv::take(&mut encryption, OBJECT)?;
    let iv = tlv::take(&mut encryption, BYTES)?;
    // Two hashes of a key and its message a round, and with SHA-1 two blocks.
    let cost = if hash == 7 { 4 } else { 2 };
    Some((Method::Pbes2 { salt, rounds, hash, cipher, iv }, cost * u64::from(rounds)))
}

impl Method<'_> {
    fn decrypt(&self, data: &[u8], password: &str) -> Option<Vec<u8>> {
        match *self {
            Method::Pbes2 { salt, rounds, hash, cipher, iv } => {
                let mut key = [0; 32];
                let pass = password.as_bytes();
                match hash {
                    7 => pbkdf2::pbkdf2_hmac::<Sha1>(pass, salt, rounds, &mut key),
                    8 => pbkdf2::pbkdf2_hmac::<sha2::Sha224>(pass, salt, rounds, &mut key),
                    9 => pbkdf2::pbkdf2_hmac::<sha2::Sha256>(pass, salt, rounds, &mut key),
                    10 => pbkdf2::pbkdf2_hmac::<sha2::Sha384>(pass, salt, rounds, &mut key),
                    11 => pbkdf2::pbkdf2_hmac::<sha2::Sha512>(pass, salt, rounds, &mut key),
                    _ => return None,
                }
                if cipher == TRIPLE_DES {
                    return cbc::<des::TdesEde3>(&key[..24], iv, data);
                }
                match cipher.strip_prefix(AES)? {
                    [2] => cbc::<aes::Aes128>(&key[..16], iv, data),
                    [22] => cbc::<aes::Aes192>(&key[..24], iv, data),
                    [42] => cbc::<aes::Aes256>(&key, iv, data),
                    _ => None,
                }
            }
            Method::Pkcs12 { salt, rounds, how } => {
                // An empty password is two zeros for most, and nothing at all for some.
                let wide: Vec<u8> = password.encode_utf16().chain([0]).flat_map(u16::to_be_bytes).collect();
                let tried: &[&[u8]] = if password.is_empty() { &[&wide, &[]] } else { &[&wide] };
                tried.iter().find_map(|password| pkcs12(password, (salt, rounds), how, data))
            }
            Method::Jceks { salt, rounds } => jceks(data, password, salt.first_chunk()?, rounds),
        }
    }
}

fn cbc<C>(key: &[u8], iv: &[u8], data: &[u8]) -> Option<Vec<u8>>
where
    C: aes::cipher::BlockCipherDecrypt + aes::cipher::KeyInit,
{
    unpadded(cbc::Decryptor::<C>::new_from_slices(key, iv).ok()?, data)
}

fn unpadded(decryptor: impl BlockModeDecrypt, data: &[u8]) -> Option<Vec<u8>> {
    let mut plain = data.to_vec();
    let length = decryptor.decrypt_padded::<Pkcs7>(&mut plain).ok()?.len();
    plain.truncate(length);
    Some(plain)
}

fn pkcs12(password: &[u8], (salt, rounds): (&[u8], u32), how: u8, data: &[u8]) -> Option<Vec<u8>> {
    let length = match how {
        3 => 24,
        4 | 5 => 16,
        6 => 5,
        _ => return None,
    };
    let key = derive(password, salt, rounds, 1, length);
    let iv = derive(password, salt, rounds, 2, 8);
    match how {
        3 => cbc::<des::TdesEde3>(&key, &iv, data),
        4 => cbc::<des::TdesEde2>(&key, &iv, data),
        _ => {
            let bits = 8 * key.len();
            let cipher = rc2::Rc2::new_with_eff_key_len(&key, bits);
            unpadded(cbc::Decryptor::inner_iv_slice_init(cipher, &iv).ok()?, data)
        }
    }
}

/// Makes `length` bytes of a password (RFC 7292, appendix B), with SHA-1.
fn derive(password: &[u8], salt: &[u8], rounds: u32, purpose: u8, length: usize) -> Vec<u8> {
    const BLOCK: usize = 64;
    let fill = |text: &[u8]| -> Vec<u8> {
        text.iter().copied().cycle().take(text.len().div_ceil(BLOCK) * BLOCK).collect()
    };
    let mut input = [fill(salt), fill(password)].concat();
    let mut made = Vec::new();
    while made.len() < length {
        let mut hash = Sha1::new().chain_update([purpose; BLOCK]).chain_update(&input).finalize();
        for _ in 1..rounds {
            hash = Sha1::digest(hash);
        }
        made.extend_from_slice(&hash);
        let add: Vec<u8> = hash.iter().copied().cycle().take(BLOCK).collect();
        for block in input.chunks_exact_mut(BLOCK) {
            let mut carry = 1;
            for (byte, other) in block.iter_mut().zip(&add).rev() {
                let sum = u16::from(*byte) + u16::from(*other) + carry;
                *byte = sum.to_le_bytes()[0];
                carry = sum >> 8;
            }
        }
    }
    made.truncate(length);
    made
}

/// Sun's own protection of keys in a JKS: a stream of hashes, and a hash over all at the end.
fn jks(data: &[u8], password: &str) -> Option<Vec<u8>> {
    const HASH: usize = 20;
    let password: Vec<u8> = password.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let (salt, rest) = data.split_at_checked(HASH)?;
    let (hidden, check) = rest.split_at_checked(rest.len().checked_sub(HASH)?)?;
    let mut hash = salt.to_vec();
    let mut plain = Vec::with_capacity(hidden.len());
    for block in hidden.chunks(HASH) {
        hash = Sha1::new().chain_update(&password).chain_update(&hash).finalize().to_vec();
        plain.extend(block.iter().zip(&hash).map(|(byte, mask)| byte ^ mask));
    }
    let right = Sha1::new().chain_update(&password).chain_update(&plain).finalize();
    (right[..] == *check).then_some(plain)
}

/// Sun's protection of keys in a JCEKS: triple DES with a key of MD5, each half of the salt hashed by itself.
fn jceks(data: &[u8], password: &str, salt: &[u8; 8], rounds: u32) -> Option<Vec<u8>> {
    let mut salt = *salt;
    if salt[..4] == salt[4..] {
        // As Sun wrote it: of the swap, only the first half comes about.
        for at in 0..2 {
            let byte = salt[at];
            salt[at] = salt[3 - at];
            salt[3 - 1] = byte;
        }
    }
    let mut made = Vec::new();
    for half in salt.chunks(4) {
        let mut hash = half.to_vec();
        for _ in 0..rounds {
            hash = md5::Md5::new().chain_update(&hash).chain_update(password).finalize().to_vec();
        }
        made.extend(hash);
    }
    cbc::<des::TdesEde3>(made.get(..24)?, made.get(24..32)?, data)
}

/// The hash at the end of a JKS or JCEKS, over a password and everything before it.
pub(super) fn store_check(password: &str, bytes: &[u8]) -> [u8; 20] {
    let password: Vec<u8> = password.encode_utf16().flat_map(u16::to_be_bytes).collect();
    Sha1::new().chain_update(password).chain_update("Mighty Aphrodite").chain_update(bytes).finalize().into()
}
