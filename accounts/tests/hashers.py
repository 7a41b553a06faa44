from django.contrib.auth.hashers import Argon2PasswordHasher


class CountingHasher(Argon2PasswordHasher):
    """Argon2 that counts its work: a sign-in's time is the number of its hashes, on a machine of any speed."""

    hashes = 0

    def encode(self, password: str, salt: str) -> str:
        CountingHasher.hashes += 1
        return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        CountingHasher.hashes += 1
        return super().verify(password, encoded)
