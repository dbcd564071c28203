"""Certificates for tests, made by the openssl command in a directory of their own."""
import os
import ssl
import subprocess


class Certs:
    """certs.make("www", san="DNS:www.example.com") gives (certificate, key) as PEM."""

    def __init__(self, folder):
        self.folder = folder

    def _openssl(self, *args):
        done = subprocess.run(["openssl", *args], cwd=self.folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _read(self, name):
        return (self.folder / name).read_text()

    def key(self, name, kind="P-256"):
        """A new key in name.key: a curve, or the bits of an RSA key."""
        if isinstance(kind, int):
            self._openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{kind}", "-out", f"{name}.key")
        else:
            self._openssl("genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{kind}", "-out", f"{name}.key")
        return self._read(f"{name}.key")

    def make(self, name, kind="P-256", issuer=None, ca=False, san=None, days=30, digest="sha256"):
        """Signed by issuer, the name of an earlier one, or by itself."""
        key = self.key(name, kind)
        extensions = [f"basicConstraints={'critical,CA:TRUE' if ca else 'CA:FALSE'}"]
        if ca:
            extensions.append("keyUsage=critical,keyCertSign,cRLSign")  # strict clients want it
        if san:
            extensions.append(f"subjectAltName={san}")
        args = ["req", "-x509", "-new", "-key", f"{name}.key", "-subj", f"/O=OpenSLB tests/CN={name}", f"-{digest}"]
        args += ["-days", str(days), "-out", f"{name}.pem"]
        if issuer:
            args += ["-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key"]
        for extension in extensions:
            args += ["-addext", extension]
        self._openssl(*args)
        return self._read(f"{name}.pem"), key

    def locked(self, name):
        """The key, encrypted."""
        return self._openssl("pkcs8", "-topk8", "-in", f"{name}.key", "-passout", "pass:secret")

    def fingerprint(self, name):
        """SHA-1, upper-case hex with colons."""
        return self._openssl("x509", "-in", f"{name}.pem", "-noout", "-fingerprint", "-sha1").split("=")[1].strip()


class Served:
    """What a node shows its clients: api.pem with api.key in a folder, and the CA that signed them."""

    def __init__(self, folder, san="IP:127.0.0.1,IP:::1,DNS:localhost"):
        self.certs = Certs(folder)
        self.san = san
        self.certificate, self.key, self.ca = folder / "api.pem", folder / "api.key", folder / "ca.pem"
        self.certs.make("ca", ca=True)
        self.renew()

    def renew(self, name="node"):
        """Another certificate and key of the same CA, in the same files."""
        pem, key = self.certs.make(name, issuer="ca", san=self.san)
        self.write(pem, key)

    def write(self, pem, key, mode=0o600):
        for path, text in ((self.certificate, pem), (self.key, key)):
            new = path.with_suffix(".new")
            new.write_text(text)
            new.chmod(mode)
            os.replace(new, path)

    def settings(self):
        """Lines of the node file's section [api]."""
        return f"tls_certificate = {self.certificate}\ntls_key = {self.key}\n"

    def trusting(self):
        """A client's ssl.SSLContext that believes the CA."""
        return ssl.create_default_context(cafile=str(self.ca))
