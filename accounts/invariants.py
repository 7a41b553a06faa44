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
TOKENS_NAME_WHAT_THEY_MAY_DO = Invariant(
    code="U4",
    promise="a bearer token is for everything, or for resources that it names",
    violations=r"""
        SELECT t.public_id, s.scope FROM accounts_apitoken t LEFT JOIN unnest(t.scopes) AS s (scope) ON true
        WHERE s.scope IS NULL OR s.scope !~ '^(\*|[a-z]+:(read|write))$'
    """,
    examined="SELECT count(*) FROM accounts_apitoken",
)
SECOND_FACTORS_ARE_SEALED = Invariant(
    code="U8",
    promise="the secret of an authenticator app is sealed, of a recovery code only the SHA-256 is stored",
    violations=r"""
        SELECT 'factor' AS kind, user_id FROM accounts_secondfactor WHERE kind = 'app' AND sealed_secret !~ '^gAAAA'
        UNION ALL
        SELECT 'recovery code', user_id FROM accounts_recoverycode WHERE digest !~ '^[0-9a-f]{64}$'
    """,
    examined="SELECT (SELECT count(*) FROM accounts_secondfactor) + (SELECT count(*) FROM accounts_recoverycode)",
)
ERASED_MEANS_ERASED = Invariant(
    code="U9",
    promise="an erased account has no personal data and opens nothing",
    violations="""
        SELECT public_id FROM accounts_user u WHERE erased_at IS NOT NULL AND (
            email <> lower('erased-' || public_id || '@invalid')
            OR first_name <> '' OR last_name <> '' OR phone <> '' OR email_verified_at IS NOT NULL
            OR is_active OR is_staff OR is_superuser OR password NOT LIKE '!%'
            OR EXISTS (SELECT FROM accounts_address WHERE user_id = u.id)
            OR EXISTS (SELECT FROM accounts_apitoken WHERE user_id = u.id)
            OR EXISTS (SELECT FROM accounts_browsersession WHERE user_id = u.id)
            OR EXISTS (SELECT FROM accounts_secondfactor WHERE user_id = u.id)
            OR EXISTS (SELECT FROM accounts_recoverycode WHERE user_id = u.id)
        )
    """,
    examined="SELECT count(*) FROM accounts_user WHERE erased_at IS NOT NULL",
)

INVARIANTS = (
    ONE_ACCOUNT_PER_EMAIL,
    PASSWORDS_ARE_HASHED,
    TOKENS_ARE_HASHED,
    TOKENS_NAME_WHAT_THEY_MAY_DO,
    SECOND_FACTORS_ARE_SEALED,
    ERASED_MEANS_ERASED,
)
