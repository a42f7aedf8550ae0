"""List prices of AWS in dollars: us-east-1, on demand, in November 2026, without free tiers.

Sources: aws.amazon.com/dynamodb/pricing/on-demand, /lambda/pricing (arm64), /api-gateway/pricing
(HTTP APIs), /cloudwatch/pricing, /s3/pricing.
"""

from __future__ import annotations

READ_UNIT = 0.125e-6
WRITE_UNIT = 0.625e-6
TABLE_BYTE_MONTH = 0.25 / 1e9
RECOVERY_BYTE_MONTH = 0.20 / 1e9
"""Point-in-time recovery, by the size of the table."""

LAMBDA_CALL = 0.20e-6
GB_SECOND = 13.3334e-6

HTTP_API_REQUEST = 1.00e-6

LOG_BYTE = 0.50 / 1e9
METRIC_MONTH = 0.30
ALARM_METRIC_MONTH = 0.10

S3_PUT = 5e-6
S3_GET = 0.4e-6
S3_BYTE_MONTH = 0.023 / 1e9
