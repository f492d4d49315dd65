//! Where the authority's key lives: in memory, in a file, or behind whatever implements [`Signer`].

use std::fmt;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    KeyPair,
};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use thiserror::Error;
use zeroize::Zeroizing;

/// The kinds of authority keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningKeyType {
    /// ECDSA on P-256 with SHA-256.
    EcdsaP256,
    /// ECDSA on P-384 with SHA-384.
    EcdsaP384,
}

impl SigningKeyType {
    fn ring(self) -> &'static EcdsaSigningAlgorithm {
        match self {
            Self::EcdsaP256 => &ECDSA_P256_SHA256_ASN1_SIGNING,
            Self::EcdsaP384 => &ECDSA_P384_SHA384_ASN1_SIGNING,
        }
    }

    fn rcgen(self) -> &'static rcgen::SignatureAlgorithm {
        match self {
            Self::EcdsaP256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            Self::EcdsaP384 => &rcgen::PKCS_ECDSA_P384_SHA384,
        }
    }
}

/// Signs on behalf of an authority. The key never comes out: there is no method that would return it.
///
/// A hardware module implements this with its own session; the authority only asks for signatures.
pub trait Signer: Send + Sync + fmt::Debug {
    /// What kind of key it is.
    fn key_type(&self) -> SigningKeyType;

    /// The public key as an uncompressed point (65 or 97 octets, SEC 1 §2.3.3).
    fn public_key(&self) -> &[u8];

    /// Signs `message` (hashed by the signer) and returns the DER form of the signature (RFC 3279 §2.2.3).
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError>;
}

/// Why a signer cannot be opened or did not sign.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SignerError {
    /// The key file cannot be read or written.
    #[error("key file {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Others than the owner may read the key file.
    #[error("key file {} is readable by others; set its mode to 0600", .0.display())]
    Exposed(PathBuf),
    /// Not a PKCS#8 key of a supported kind.
    #[error("not an ECDSA P-256 or P-384 key in PKCS#8 form")]
    UnsupportedKey,
    /// The device or library refused.
    #[error("the signer refused to sign")]
    Refused,
}

/// A key in this process's memory.
pub struct MemorySigner {
    key_type: SigningKeyType,
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl MemorySigner {
    /// A new key from the operating system's randomness, for tests and for authorities that live as long as the
    /// process.
    pub fn generate(key_type: SigningKeyType) -> Result<Self, SignerError> {
        Self::from_pkcs8(&new_pkcs8(key_type)?)
    }

    /// The key in a PKCS#8 structure. The caller's copy should be wiped afterwards.
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, SignerError> {
        let random = SystemRandom::new();
        for key_type in [SigningKeyType::EcdsaP256, SigningKeyType::EcdsaP384] {
            if let Ok(pair) = EcdsaKeyPair::from_pkcs8(key_type.ring(), pkcs8, &random) {
                return Ok(Self { key_type, pair, random });
            }
        }
        Err(SignerError::UnsupportedKey)
    }
}

impl Signer for MemorySigner {
    fn key_type(&self) -> SigningKeyType {
        self.key_type
    }

    fn public_key(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        let signature = self.pair.sign(&self.random, message).map_err(|_| SignerError::Refused)?;
        Ok(signature.as_ref().to_vec())
    }
}

impl fmt::Debug for MemorySigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySigner").field("key_type", &self.key_type).finish_non_exhaustive()
    }
}

/// A key kept in a PKCS#8 PEM file that only its owner may read. Reading and creating it is this crate's only I/O.
#[derive(Debug)]
pub struct FileSigner {
    path: PathBuf,
    key: MemorySigner,
}

impl FileSigner {
    /// Creates a new key in a new file with mode 0600; an existing file is an error, never overwritten.
    pub fn create(path: &Path, key_type: SigningKeyType) -> Result<Self, SignerError> {
        let pkcs8 = new_pkcs8(key_type)?;
        let fault = |source| SignerError::File { path: path.to_owned(), source };
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(fault)?;
        file.write_all(to_pem(&pkcs8).as_bytes()).and_then(|()| file.sync_all()).map_err(fault)?;
        Ok(Self { path: path.to_owned(), key: MemorySigner::from_pkcs8(&pkcs8)? })
    }

    /// Opens a key file in PEM or DER form; on Unix it must not be readable by group or others.
    pub fn open(path: &Path) -> Result<Self, SignerError> {
        let fault = |source| SignerError::File { path: path.to_owned(), source };
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            if fs::metadata(path).map_err(fault)?.mode() & 0o077 != 0 {
                return Err(SignerError::Exposed(path.to_owned()));
            }
        }
        let bytes = Zeroizing::new(fs::read(path).map_err(fault)?);
        let key = match PrivatePkcs8KeyDer::from_pem_slice(&bytes) {
            Ok(pkcs8) => MemorySigner::from_pkcs8(pkcs8.secret_pkcs8_der())?,
            Err(_) => MemorySigner::from_pkcs8(&bytes)?,
        };
        Ok(Self { path: path.to_owned(), key })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Signer for FileSigner {
    fn key_type(&self) -> SigningKeyType {
        self.key.key_type()
    }

    fn public_key(&self) -> &[u8] {
        self.key.public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        self.key.sign(message)
    }
}

fn new_pkcs8(key_type: SigningKeyType) -> Result<Zeroizing<Vec<u8>>, SignerError> {
    let document = EcdsaKeyPair::generate_pkcs8(key_type.ring(), &SystemRandom::new());
    document.map(|document| Zeroizing::new(document.as_ref().to_vec())).map_err(|_| SignerError::Refused)
}

fn to_pem(pkcs8: &[u8]) -> Zeroizing<String> {
    use base64::Engine;
    let body = Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(pkcs8));
    let mut text = Zeroizing::new(String::with_capacity(body.len() + 80));
    text.push_str("-----BEGIN PRIVATE KEY-----\n");
    for start in (0..body.len()).step_by(64) {
        text.push_str(&body[start..body.len().min(start + 64)]);
        text.push('\n');
    }
    text.push_str("-----END PRIVATE KEY-----\n");
    text
}

/// A signer as rcgen takes it.
pub(super) struct ForRcgen<'a>(pub(super) &'a dyn Signer);

impl rcgen::PublicKeyData for ForRcgen<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0.public_key()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        self.0.key_type().rcgen()
    }
}

impl rcgen::SigningKey for ForRcgen<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.0.sign(message).map_err(|_| rcgen::Error::RemoteKeyError)
    }
}
