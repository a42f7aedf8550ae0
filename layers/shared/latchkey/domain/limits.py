"""All numbers of the rules, with unit, reason and source.

Numbers that a deployer may change are parameters of the template, in `config.py`.
"""

from __future__ import annotations

from latchkey.domain.throttle import Allowance, Backoff, Quota

# Tokens and sessions -------------------------------------------------------------------------

ACCESS_TOKEN_CLOCK_SKEW_SECONDS = 30
"""Leeway between two servers' clocks. Source: RFC 8725 practice, "a few tens of seconds"."""

AUTHORIZATION_HEADER_MAX_CHARACTERS = 4096
"""Our longest access token has under 800. API Gateway forwards 10,240 bytes of headers."""

USED_ELSEWHERE_REPEAT_HOURS = 24
"""The minimum time between emails about use of a session elsewhere. Our choice."""

REFRESH_GRACE_SECONDS = 30
"""Covers two tabs, a lost response and an SDK's retry. SuperTokens' default."""

LAST_ACTIVITY_IDLE_PARTS = 5
"""A session in use is recorded at least this often in an idle timeout, for any LastActivitySeconds.
The timeout counts from the last record, so a session can end a fifth earlier. Our choice."""

SESSION_LIMIT_MAX = 90
"""Ending them all is one transaction of 100 actions: sessions, the account, audit, mail."""

ENDED_SESSION_RETENTION_DAYS = 30
"""How long a signed-out device is listed. The same as on Google's device page."""

TTL_GRACE_DAYS = 2
"""DynamoDB removes an expired item "within a few days". Source: DynamoDB Developer Guide, TTL."""

OVERDUE_SESSIONS_A_RUN = 100
"""Removed in one run of cleanup: one BatchGetItem. TTL leaves next to none."""

ENDED_SESSIONS_KEPT = 50
"""Limits the partition that every sign-in and list reads: active ones and as many ended."""

RECENT_AUTHENTICATION_SECONDS = 300
"""The maximum age of a recent authentication. As allauth; Clerk allows 600."""

KNOWN_DEVICE_DAYS = 400
"""As long as a browser keeps its device cookie. Source: RFC 6265bis 5.6.2."""

DEVICE_SEEN_INTERVAL_SECONDS = 24 * 3600
"""A known device is written at most once a day. It only has to outlive its cookie."""

# Tokens of other issuers ---------------------------------------------------------------------

TRUSTED_ISSUERS_MAX = 10
"""They are in one parameter and in one read of the authorizer. Ten of 200 characters fit."""

EXTERNAL_TOKEN_LIFETIME_DEFAULT_SECONDS = 24 * 3600
"""The default of Auth0 and the maximum of Cognito. Firebase has an hour."""

EXTERNAL_TOKEN_LIFETIME_MAX_SECONDS = 30 * 24 * 3600
"""The maximum of Auth0."""

EXTERNAL_SIGN_IN_MAX_DAYS = 400
"""A sign-in at an issuer that is older opens no session. Ended sessions and erased identities are
remembered as long, so a refresh over there revives neither. The absolute timeout is usually less.
"""

EXTERNAL_TOKEN_MAX_CHARACTERS = 8192
"""Tokens with many roles are long. API Gateway forwards 10,240 bytes of headers."""

EXTERNAL_CLAIM_MAX_CHARACTERS = 255
"""Of the claims that are used. A longer session refuses the token, a longer name is not used."""

EXTERNAL_SUBJECT_MAX_CHARACTERS = 255
"""Source: OpenID Connect Core 1.0, section 2, `sub`. Firebase has 128."""

FIREBASE_SUBJECT_MAX_CHARACTERS = 128
"""Source: the Firebase documentation, "Verify ID tokens"."""

EXTERNAL_KEYS_MAX = 20
"""Of one issuer. Cognito and Google publish two to four."""

EXTERNAL_KEYS_MAX_BYTES = 128 * 1024
"""A document with 20 keys and their certificates has 80 KB."""

EXTERNAL_FETCH_TIMEOUT_SECONDS = 3
"""For connecting and for each read. A larger document than the maximum is not read."""

EXTERNAL_FETCH_TOTAL_SECONDS = 5
"""For one document, also if it arrives byte by byte."""

EXTERNAL_KEYS_STALE_SECONDS = 24 * 3600
"""How long keys are used that can't be fetched again. As KEY_STALE_SECONDS."""

EXTERNAL_RSA_MIN_BITS = 2048
"""Source: RFC 7518 section 3.3."""

EXTERNAL_RSA_MAX_BITS = 4096
"""A longer key makes each verification slow. No known issuer has one."""

EXTERNAL_KEYS_ASK_SECONDS = 60
"""An unknown key of an issuer is asked for once in this time."""

EXTERNAL_KEYS_WAIT_SECONDS = 1
"""How long the request that asks for a key waits for it."""

EXTERNAL_LINKS_REMEMBERED = 10_000
"""Links of sessions to other accounts that one environment remembers: about 2 MB."""

# Input ---------------------------------------------------------------------------------------

BODY_MAX_BYTES = 64 * 1024
"""Four times the largest legitimate body, 16 KiB of preferences."""

JSON_MAX_DEPTH = 32
"""Our models nest at most four levels. A parser bomb nests deeper."""

EMAIL_MAX_CHARACTERS = 254
"""RFC 5321 4.5.3.1.3, less the angle brackets."""

EMAIL_LOCAL_PART_MAX_CHARACTERS = 64
"""RFC 5321 4.5.3.1.1: servers need not accept more."""

NAME_MAX_CHARACTERS = 100
"""Full names, display names, occupations, places. Our choice."""

REASON_MAX_CHARACTERS = 200
"""An administrator's reason for an act: one sentence. Our choice."""

USERNAME_MIN_CHARACTERS = 3
USERNAME_MAX_CHARACTERS = 32
"""Our choice: what fits in a mention."""

DEVICE_NAME_MAX_CHARACTERS = 64
"""What fits in a row of the devices list on a phone. Our choice."""

USER_AGENT_MAX_CHARACTERS = 512
"""Parsing 4,000 characters took 17 ms; no browser sends more than 300."""

AGE_MAX_YEARS = 150
"""The oldest person on record reached 122."""

AVATAR_MAX_BYTES = 5 * 1024 * 1024
"""A phone's photograph. Uploaded to S3, because as base64 it exceeds Lambda's 6 MB."""

AVATAR_FORM_MAX_BYTES = 4 * 1024 * 1024
"""A picture in a form. 5.6 MB as base64, so the whole form is below Lambda's 6 MB."""

FORM_PARTS_MAX = 32
"""Our largest form has eleven fields."""

AVATAR_PIXELS_MAX = 25_000_000
"""The default of phones (5712 by 4284). 100 MB when decoded.

libwebp's decoder needs four times that: 0.9 s and 440 MiB of the function's 1,769.
"""

AVATAR_JPEG_SCANS_MAX = 100
"""libjpeg writes ten. Each costs a pass over every pixel, and 170,000 fit into 5 MiB."""

AVATAR_SIDE_PIXELS = 512
"""Twice the largest avatar on a page, for dense screens."""

AVATAR_WEBP_QUALITY = 85
"""About 40 KB for a photograph; artefacts show below 80. Our choice."""

AVATAR_UPLOAD_SECONDS = 300
"""How long the form is valid: enough to start on a slow line, too short to share."""

AVATAR_UPLOAD_FINISH_SECONDS = 900
"""5 MiB at 64 kbit/s take eleven minutes."""

AVATAR_UPLOADS_MAX = 3
"""Pending uploads per person. Limits unprocessed storage."""

AVATAR_ORPHAN_GRACE_SECONDS = 3600
"""A change of an avatar takes seconds, and a function stops after thirty."""

IDEMPOTENCY_RETENTION_HOURS = 24
"""As Stripe: longer than any client retries."""

REFRESH_TOKEN_MAX_CHARACTERS = 512
"""A refresh token has under 200."""

LINK_TOKEN_MAX_CHARACTERS = 128
"""A token in an email has 74."""

IDEMPOTENCY_KEY_MAX_CHARACTERS = 255
"""A UUID has 36. As Stripe."""

PREFERENCES_MAX_BYTES = 16 * 1024
"""Of JSON. Enough for every choice of a form; four read units. Our choice."""

ACCEPT_LANGUAGE_MAX_TAGS = 20
"""Browsers send up to a dozen. Others are ignored."""

PAGE_DEFAULT_ITEMS = 50
PAGE_MAX_ITEMS = 100
"""A page of our largest rows, 1 KiB each, is 25 read units and 100 KB of JSON. Our choice."""

PROFILES_MAX = 100
"""Ids in one request: a query of 3 KB and one BatchGetItem. Source: DynamoDB, BatchGetItem."""

CURSOR_MAX_CHARACTERS = 2048
"""Ours have under 300. Limits untrusted input that is decoded."""

# Passwords -----------------------------------------------------------------------------------

PASSWORD_MIN_CHARACTERS = 8
"""The lowest value of the parameter. Source: NIST SP 800-63B 3.1.1.2."""

PASSWORD_MAX_CHARACTERS = 128
"""Above the 64 of NIST 800-63B. Limited, because the cost of hashing grows with the length."""

ARGON2_MEMORY_KIB = 19 * 1024
ARGON2_ITERATIONS = 2
ARGON2_PARALLELISM = 1
"""OWASP Password Storage Cheat Sheet, argon2id, second option. One lane: Lambda has one core."""

PASSWORD_GUESSES_LOG10 = 10
"""The minimum of zxcvbn's estimate: its highest grade, "very unguessable". Every random phrase of
four words reaches it. A third of the leaked passwords that are in no list does not (ADR 18)."""

PASSWORD_OWN_MIN_CHARACTERS = 8
"""Characters that must remain without the words of the service and the person."""

PASSWORD_AFFIX_MAX_CHARACTERS = 8
"""Characters removed at either end before the lookup: a date, `2025!!!!`."""

PASSWORD_KNOWN_MIN_CHARACTERS = 12
"""Characters that must remain for the lookup: a shorter text is part of many words."""

BREACH_RANGE_PREFIX_CHARACTERS = 5
"""Of the 40 hexadecimal characters of a SHA-1 digest: a million ranges. Source: the public range
service's protocol, https://haveibeenpwned.com/API/v3#PwnedPasswords."""

BREACH_RANGE_TIMEOUT_SECONDS = 1.5
"""For the complete request. The public service responds in a tenth of it. If it is down, a person
who chooses a password waits this long."""

BREACH_RANGE_MAX_BYTES = 256 * 1024
"""Of one response. Those of the public service have up to 1,000 lines with padding, below 50 KB."""

# Attempts ------------------------------------------------------------------------------------

_MINUTE, _HOUR, _DAY = 60, 3600, 24 * 3600

LOGIN_PER_ADDRESS = Quota(name="login-address", amount=30, window_seconds=_MINUTE)
"""Enough for an office behind one address; a list of stolen passwords needs thousands. The window
is short, so that people who share an address with an attacker wait seconds. Our choice."""

LOGIN_PER_ACCOUNT = Backoff(
    name="login-account",
    free=5,
    first_wait_seconds=15 * _MINUTE,
    longest_wait_seconds=_DAY,
    remembered_seconds=7 * _DAY,
)
"""For all unknown devices and both identifiers: 5 attempts in the first 15 minutes, and 100 take
three months. Known devices and emailed codes are not counted here, so that nobody is locked out.
Source: ASVS 5.0 6.3.1; NIST SP 800-63B-4 3.2.2, at most 100 failures in a row."""

LOGIN_PER_IDENTIFIER = Backoff(
    name="login-identifier",
    free=LOGIN_PER_ACCOUNT.free,
    first_wait_seconds=LOGIN_PER_ACCOUNT.first_wait_seconds,
    longest_wait_seconds=LOGIN_PER_ACCOUNT.longest_wait_seconds,
    remembered_seconds=LOGIN_PER_ACCOUNT.remembered_seconds,
)
"""As LOGIN_PER_ACCOUNT, for the typed address or username. Only this counter leads to a 429: the
account's counter is shared by its address and its username, and would reveal that they belong
together."""

LOGIN_PER_IDENTIFIER_AND_ADDRESS = Backoff(
    name="login-identifier-address",
    free=3,
    first_wait_seconds=5 * _MINUTE,
    longest_wait_seconds=_DAY,
    remembered_seconds=7 * _DAY,
)
"""Stricter than the two above, so that one address uses up the shared limit slowly.

An attempt is counted before its password is verified, and a success removes its count. Counting
afterwards would allow parallel attempts. Parallel correct sign-ins on unknown devices beyond the
free attempts therefore also have to wait."""

LOGIN_PER_CODE_HOLDER = Backoff(
    name="login-code",
    free=5,
    first_wait_seconds=15 * _MINUTE,
    longest_wait_seconds=_DAY,
    remembered_seconds=_DAY,
)
"""Passwords with a valid emailed code, so only people with access to the mailbox are counted here.
As LOGIN_PER_ACCOUNT."""

LOGIN_PER_KNOWN_DEVICE = Backoff(
    name="login-device",
    free=10,
    first_wait_seconds=_MINUTE,
    longest_wait_seconds=_HOUR,
    remembered_seconds=_DAY,
)
"""For a known device: its owner may mistype, a thief may guess."""

PASSWORD_PER_SESSION_HOLDER = Backoff(
    name="own-password",
    free=5,
    first_wait_seconds=_MINUTE,
    longest_wait_seconds=_HOUR,
    remembered_seconds=_DAY,
)
"""Password attempts during a session, by a step-up or a change. Separate from sign-in, so that a
stolen session does not lock the owner out."""

REGISTER_PER_ADDRESS = Quota(name="register", amount=20, window_seconds=_HOUR)
"""Enough for a school class. Each costs a hash, 8 write units and an email. Our choice."""

REFRESH_PER_ADDRESS = Quota(name="refresh", amount=600, window_seconds=_MINUTE)
"""A session refreshes once in 10 minutes: 6,000 of them behind one address. Our choice."""

MAIL_PER_ADDRESS = Quota(name="mail-address", amount=10, window_seconds=15 * _MINUTE)
"""Requests that send an email: forgot, resend, a new address. Our choice."""

EXPORTS_PER_ACCOUNT = Quota(name="exports", amount=3, window_seconds=_DAY)
"""The default of the parameter `ExportsPerDay`, which replaces the amount. Within any 24 hours."""

EMAIL_CHANGE_PER_ACCOUNT = Quota(name="email-change", amount=5, window_seconds=_DAY)
"""Emails to other mailboxes that one account can cause per day. Our choice."""

EMAIL_CHANGE_PER_UNVERIFIED_ACCOUNT = Quota(
    name="email-change-unverified", amount=2, window_seconds=_DAY
)
"""Of an account whose own address is not confirmed: enough to correct a mistyped address, too few
to send spam from throw-away accounts. Our choice."""

LOGIN_CODE_MINUTES = 60
"""The window of the mailbox's limit of codes: if others have used the limit up, an emailed code
still works. Codes of six digits must not be valid for that long. Ours have 50 bits, and are not
enough without the password."""

LOGIN_CODE_CHARACTERS = 10
"""Of 32 letters and digits each, 50 bits. Codes have no counter, because others would use it up. A
million addresses that guess for an hour at LOGIN_PER_ADDRESS find one of four codes with a
probability of 1 in 150,000, and then have one attempt at the password."""

LOGIN_CODE_SCRYPT_COST = 2**12
"""4 MiB and about 10 ms per attempt at a code. All 2^50 codes take a hundred thousand processors
three years, and a code is valid for an hour."""

LOGIN_CODE_TEXT_MAX_CHARACTERS = 32
"""The length of a typed code, with hyphens and spaces."""

PASSWORDS_PER_LINK = 5
"""Wrong passwords sent with one link before the link is void. As many as a sign-in has free."""

REQUESTED_MAIL = Allowance(per_hour=4, per_day=10, steady=True)
"""Emails that anybody can cause: links to confirm an address or to choose a password. Above the
limit the response is the same and no email is sent. Source: OWASP Forgot Password Cheat Sheet."""

LOGIN_CODE_MAIL = Allowance(per_hour=2, per_day=6, steady=True)
"""Emails with a sign-in code, which anybody can cause. Our choice."""

NOTICE_MAIL = Allowance(per_hour=6, per_day=20)
"""Emails about changes. Further changes are only in the history, so that a client in a loop does
not harm the sender's reputation. Our choice."""

NEW_DEVICE_MAIL = Allowance(per_hour=3, per_day=10)
"""One device per hour is usual. Not 1: a thief could sign in unreported after the owner. The last
email of an hour or day says that further sign-ins are only in the history. Our choice."""

REDEEM_PER_ADDRESS = Quota(name="redeem", amount=60, window_seconds=15 * _MINUTE)
"""Attempts at links. Tokens can't be guessed, but a lookup costs a read."""

# Signing keys --------------------------------------------------------------------------------

KEY_CACHE_SECONDS = 300
"""The maximum age of cached keys. A warm function reads them again at a random age from half of
this. 1,200 environments read 5 times a second; SSM allows 40."""

KEY_REREAD_SECONDS = 30
"""The first pause between reads for an unknown id, or after a failed read. It doubles each time."""

KEY_RETRY_MAX_SECONDS = 120
"""The maximum pause after failed reads. Of 1,200 environments 13 read per second, and each reads 8
times before a new key signs."""

KEY_STALE_SECONDS = 24 * 3600
"""How long cached keys are used while SSM can't be read. Keys are valid for a month. A day is
longer than any reported outage of SSM."""

KEY_FIRST_READ_SECONDS = 3
"""How long a function without keys retries. Even if the last attempt hangs for two more seconds, a
503 is possible within the function's 10."""

KEY_MANAGER_ATTEMPTS = 3
"""Attempts per request of the function that rotates keys, which has no cache."""

KEY_ACTIVATION_DELAY_SECONDS = 3 * KEY_CACHE_SECONDS
"""A new key signs after every cache without it has expired: one period for our caches, one for a
client that fetched the key set from them at their end, and one for clocks and slow caches."""

KEYS_MAX = 5
"""A parameter has 4 KB, a key 600 bytes. At most two are live without forced rotations."""

PEPPER_ROTATION_DAYS = 90
"""How long one pepper makes new refresh tokens and links. An old one is accepted as long as its
tokens and links can be valid."""

PEPPERS_MAX = 8
"""A parameter has 4 KB, a pepper 200 bytes. At most three are live without forced rotations, and
with an idle timeout below half a year."""

KEY_LEASE_SECONDS = 30
"""The function's timeout. A holder of an older lease has crashed."""

KEY_WAIT_SECONDS = 20
"""How long to wait for another invocation, which takes a second. Within the function's timeout."""

# Audit trail ---------------------------------------------------------------------------------

AUDIT_RETENTION_DEFAULT_DAYS = 365
"""The template's default: a year of history."""

AUDIT_INDEX_SHARDS = 4
"""Index partitions per day. They allow 4,000 changes per second."""

AUDIT_CHAINS_MAX = 64
"""Chains that a deployment can have (AuditChains). One takes 8,000 rows a second: 120 bytes a row,
and a partition of DynamoDB writes a megabyte a second. Readers look at all of them."""

AUDIT_SHARD_DAYS = 7
"""How long the chain of a shard is stored. DynamoDB closes a shard after hours, and its stream
keeps the records for a day."""

AUDIT_CURSOR_SECONDS = 48 * 3600
"""How long a chain remembers its position in a shard: twice as long as the stream keeps records."""

AUDIT_REQUEST_SHARDS = 8
"""Partitions per hour of packs, and of rows of requests without an account. At 5,000 requests per
second in batches of 100, packs take 75 of the 1,000 write units of a partition per second; 8,000
batches of one request per second fit."""

AUDIT_PACK_MAX_BYTES = 64_000
"""Of the lines in a pack, before compression: about 350 requests, and 40 KB of an item's 400."""

AUDIT_PACK_DAYS = 7
"""How long packs are in the table. The archive has them after hours, and their index after minutes.
Our choice: a week to repair either."""

AUDIT_PACK_LATE_SECONDS = 120
"""Packs that are stored later than this after their last request get a marker for the indexer.
CloudWatch Logs delivers within seconds, and `record_requests` has 120 seconds for a batch."""

AUDIT_PACK_SKEW_SECONDS = 30
"""The allowed difference of two clocks. AWS keeps them within a second."""

AUDIT_INDEX_SLICE_SECONDS = 300
"""The time of packs in one file of the index, and the schedule of the indexer. Shorter slices cost
more requests of S3, longer ones more reads of packs that are not indexed yet."""

AUDIT_INDEX_DELAY_SECONDS = 300
"""Packs are complete by then: AUDIT_PACK_LATE_SECONDS, the timeout of `record_requests`, and a
minute for clocks."""

AUDIT_INDEX_FILE_LINES = 500_000
"""Requests in a file: 60 MB compressed. A step that writes one takes 6 seconds of a processor and
350 of the function's 1,769 MB. Source: `benchmarks/audit_index.py`."""

AUDIT_INDEX_MEMBER_BYTES = 131_072
"""Of lines in a member of a file: about 700 requests, and the unit of a read."""

AUDIT_INDEX_STOP_SECONDS = 60
"""The indexer starts no step when its run has less time than this. A step of 500,000 requests takes
20 seconds, with a processor that is half as fast as the measured one, and S3."""

AUDIT_INDEX_LATE_SECONDS = 3600
"""An index that is older is a failed task, which starts an alarm. Packs are kept for a week."""

AUDIT_INDEX_SETTLE_SECONDS = 24 * 3600
"""Late packs of a past day are merged into its file after this time, all together."""

AUDIT_INDEX_DAYS_BACK = 20
"""Days in which the indexer looks for files to merge. Dead letters are at most 14 days old."""

AUDIT_INDEX_PAGE_FILES = 64
"""Files of the index per page of a search, with two reads of S3 each: 3 seconds. 31 days, the hours
of today, and the last slices."""

AUDIT_RECENT_PACKS = 250
"""Packs per partition that a search reads before they are indexed. DynamoDB ends a page after 1 MB,
which is 128 read units, so a search costs 2,048 units at most."""

AUDIT_RECENT_HOURS = 2
"""Hours of packs that a search reads before they are indexed. Usually these are ten minutes."""

AUDIT_UNINDEXED_SECONDS = 3600
"""The age of packs that a search reads before the indexer's first run, minutes after a deploy."""

AUDIT_COUNTS_MAX = 50
"""Groups in an item of counts: 5 KB. Our choice."""

AUDIT_COUNTED_NETWORK_BITS = {4: 24, 6: 48}
"""Of a network in the log. Usual for anonymized addresses: at least 256 subscribers of IPv4, or one
site of IPv6 (RFC 6177 section 2)."""

AUDIT_BLOCK_MAX_ROWS = 500
"""A block of 500 entries has 60 KB, an item at most 400 KB."""

AUDIT_BLOCK_MAX_KEY_BYTES = 250_000
"""Of all keys in a block. Ours have 60 bytes. 500 foreign rows with keys of 3 KB would exceed the
400 KB of an item."""

AUDIT_SEARCH_DAYS = 31
"""Days per page of a search: at most 124 small reads if nothing is found."""

AUDIT_CHAIN_ATTEMPTS = 50
"""Each lost attempt is a block of another invocation: the maximum number of parallel ones."""

AUDIT_ANCHOR_REPEAT_SECONDS = 3600
"""Twelve runs of the schedule. A longer failure needs an operator."""

AUDIT_ARCHIVE_DELAY_SECONDS = 3600
"""Rows are complete by then, and none has expired (7 days at least)."""

AUDIT_ARCHIVE_SEGMENT_ROWS = 50_000
"""Of the blocks in an object: 6 MB of lines and 20 MB of memory."""

AUDIT_ARCHIVE_STOP_SECONDS = 60
"""An archiving run ends when it has less time than this: a segment takes 5 seconds."""

AUDIT_ARCHIVE_LATE_SECONDS = 6 * 3600
"""Blocks that wait longer make the run fail, and its alarm start. The schedule is hourly."""

AUDIT_COMPARED_ROWS = 20_000
"""Rows that a run compares with their blocks: 200 reads of 100 rows in about 10 seconds, 20,000
read units. That is every row below 5 rows a second, and a random sample above."""

AUDIT_ROW_MIN_SECONDS = 7 * 24 * 3600
"""Rows stay in the table at least this long (the minimum of RequestRetentionDays)."""

# Exports -------------------------------------------------------------------------------------

EXPORT_LINK_SECONDS = 300
"""The lifetime of a download link: enough to start a download, too short to share."""

EXPORT_LINKS_PER_TRANSACTION = 50
"""Links recorded together. A transaction takes 100 actions, and the audit row is one of them."""

EXPORT_HISTORY_DAYS = 90
"""How long an export is listed after its request. Its file is deleted earlier (`EXPORT_DAYS`)."""

EXPORT_SEGMENT_BYTES = 4 * 1024 * 1024
"""The size of a segment: the work that a crash loses, and half of the worker's memory."""

EXPORT_MAX_SEGMENTS = 100
"""400 MiB of rows, 950,000 of the audit trail: what one invocation can pack in 100 seconds."""

EXPORT_PACK_BYTES_PER_SECOND = 4 * 1024 * 1024
"""Bytes of rows. One processor packs 9.5 MiB a second from its own disk. Less than half of that
leaves room for a slower processor and for S3. Source: `benchmarks/exports.py`."""

EXPORT_POLL_SECONDS = 3
"""The polling interval of an export. Most are ready at the second poll."""

EXPORT_WORKER_LEASE_SECONDS = 130
"""On a message: the worker's timeout (120) and a margin; the queue hides a message for 720."""

EXPORT_HAND_OVER_SECONDS = 15
"""The time a worker reserves to stage its rows, write the checkpoint and continue in a message."""

EXPORT_MAX_ATTEMPTS = 5
"""Claims without progress before an export fails. The queue's maxReceiveCount."""

EXPORT_LEASE_MARGIN_SECONDS = 10
"""Beyond the worker's own remaining time: Lambda has ended it before its lease ends."""

EXPORT_REQUEUE_AFTER_SECONDS = 900
"""When cleanup treats an export's message as lost: longer than the queue hides it (720)."""

S3_PART_BYTES = 8 * 1024 * 1024
"""A part of a multipart upload. S3 accepts 10,000 parts of at least 5 MiB: up to 78 GiB in all."""

# Cleanup -------------------------------------------------------------------------------------

CLEANUP_LEASE_SECONDS = 300
"""The function's timeout. A holder of an older lease has crashed."""
# Administration -----------------------------------------------------------------------------

SEARCH_ROUNDS = 10
"""Pages of keys that one page of a search reads for its filter."""

REVOCATION_SAMPLE = 10
"""The sample of a dry run."""

REVOCATION_PAGES = 13
"""Pages of 100 sessions per request, which fit into 19 seconds."""

REVOCATION_CONFIRMATION_SECONDS = 600
"""The lifetime of a confirmation. Later the filter may match other sessions."""

# Erasing accounts ----------------------------------------------------------------------------

ERASURE_PAGE_ITEMS = 99
"""Items per transaction, plus their count: DynamoDB allows 100 actions."""

ERASURE_LEASE_SECONDS = 130
"""On a message: the worker's timeout (120) and a margin; the queue hides a message for 720."""

ERASURE_LOOK_AGAIN_SECONDS = 900
"""When the schedule treats an erasure's message as lost: longer than the queue hides it."""

# Storage -------------------------------------------------------------------------------------

TRANSACTION_ATTEMPTS = 5
"""Conflicts are between our own requests and short. The four pauses take at most 1.5 s."""

AWS_ATTEMPTS = 3
"""Attempts of a request to AWS. Three hanging ones and their pauses fit into the 10 seconds of a
function, so that it can still return a 503. More would hide throttling and then amplify it."""

AWS_CONNECT_SECONDS = 1
AWS_READ_SECONDS = 2
"""Timeouts of an attempt. DynamoDB and SSM answer within milliseconds."""

UNAVAILABLE_RETRY_AFTER_SECONDS = 2
"""The Retry-After of a 503. Throttling of a partition ends within seconds."""

# The outbox ----------------------------------------------------------------------------------

HEARTBEAT_RETENTION_DAYS = 1
"""The retention of a stream. An older heartbeat has no effect."""

CLEANUP_INTERVAL_MINUTES = 5
"""The schedule of cleanup, as the template has it. Each run sends a heartbeat."""

OUTBOX_RETENTION_DAYS = 3
"""A message that was not processed for that long is useless, and its content is removed."""

OUTBOX_OVERDUE_SECONDS = 30 * 60
"""Five deliveries, at most 270 seconds apart, are over by then. Remaining messages were lost."""

OUTBOX_SWEEP_HOURS = 24
"""How far back overdue messages are searched: the retention of a stream."""

OUTBOX_ATTEMPTS_MAX = 25
"""Five rounds of five deliveries: covers an outage of hours, but ends for a failing message."""

MAIL_EVENT_DAYS = 14
"""The retention of the queue of SES events. None is delivered later."""

MAIL_RATE_DELAY_SECONDS = 60
"""SES limits emails per second. Emails above the rate wait for the current queue."""

MAIL_QUOTA_DELAY_SECONDS = 600
"""SES limits emails in a sliding window of 24 hours, so a retry may succeed at any time."""

POSTPONED_MAX_SECONDS = 900
"""The longest delay of a message. Source: SQS, SendMessage, DelaySeconds."""

# Mails and their links -----------------------------------------------------------------------

VERIFY_EMAIL_HOURS = 24
"""Long enough for the next morning. Our choice."""

RESET_PASSWORD_MINUTES = 60
"""OWASP Forgot Password Cheat Sheet: short. An hour survives a slow mail server."""

OBJECTION_DAYS = 7
"""How long the links of "this wasn't me" and of an undo work: the owner may be on holiday."""
