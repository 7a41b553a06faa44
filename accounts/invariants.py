from shop.invariants import Invariant

ONE_ACCOUNT_PER_EMAIL = Invariant(
    code="U1",
    promise="no two accounts share an email address, whatever its case",
    violations="""
        SELECT lower(email) AS email, count(*) AS accounts FROM accounts_user GROUP BY lower(email) HAVING count(*) > 1
    """,
    examined="SELECT count(*) FROM accounts_user",
)
PASSWORDS_ARE_HASHED = Invariant(
    code="U2",
    promise="every password is stored as a slow hash, or can't be used at all",
    violations=r"""
        SELECT public_id FROM accounts_user WHERE password !~ '^(argon2\$argon2id\$|pbkdf2_sha256\$\d{6,}\$|!)'
    """,
    examined="SELECT count(*) FROM accounts_user",
)
TOKENS_ARE_HASHED = Invariant(
    code="U3",
    promise="of a bearer token only the SHA-256 is stored",
    violations="SELECT id, user_id FROM accounts_apitoken WHERE digest !~ '^[0-9a-f]{64}$'",
    examined="SELECT count(*) FROM accounts_apitoken",
)

INVARIANTS = (ONE_ACCOUNT_PER_EMAIL, PASSWORDS_ARE_HASHED, TOKENS_ARE_HASHED)
