"""S3: buckets with versioning, encryption, lifecycle, intelligent tiering, ownership and public access block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.cloud.provision.model import Fields, Made, Physical, Wanted, tag_map, tags_of
from harness.cloud.standin import Services


class Bucket:
    """AWS::S3::Bucket."""

    name = "AWS::S3::Bucket"
    applied = frozenset(
        {
            "BucketName",
            "BucketEncryption",
            "IntelligentTieringConfigurations",
            "LifecycleConfiguration",
            "OwnershipControls",
            "PublicAccessBlockConfiguration",
            "Tags",
            "VersioningConfiguration",
        }
    )

    def create(self, services: Services, wanted: Wanted) -> Physical:
        """The bucket first, then one call a configuration."""
        s3 = services.client("s3")
        properties = wanted.properties
        bucket = str(properties.get("BucketName") or wanted.physical_name(63, lower=True))
        location = {} if services.region == "us-east-1" else {"LocationConstraint": services.region}
        s3.create_bucket(Bucket=bucket, **({"CreateBucketConfiguration": location} if location else {}))
        if versioning := properties.get("VersioningConfiguration"):
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=versioning)
        if encryption := properties.get("BucketEncryption"):
            s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=_encryption(encryption))
        if block := properties.get("PublicAccessBlockConfiguration"):
            s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)
        if ownership := properties.get("OwnershipControls"):
            s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=ownership)
        if lifecycle := properties.get("LifecycleConfiguration"):
            rules = [_rule(rule) for rule in lifecycle["Rules"]]
            s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
        for tiering in properties.get("IntelligentTieringConfigurations") or ():
            s3.put_bucket_intelligent_tiering_configuration(
                Bucket=bucket, Id=tiering["Id"], IntelligentTieringConfiguration=_tiering(tiering)
            )
        if tags := tags_of(wanted):
            s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
        domain = f"{bucket}.s3.amazonaws.com"
        return Physical(
            bucket,
            {
                "Arn": f"arn:aws:s3:::{bucket}",
                "DomainName": domain,
                "RegionalDomainName": f"{bucket}.s3.{services.region}.amazonaws.com",
            },
        )

    def expected(self, made: Made) -> Fields:
        """As the template says; what it leaves out is S3's default."""
        properties = made.wanted.properties
        lifecycle = properties.get("LifecycleConfiguration") or {"Rules": []}
        return {
            "Versioning": (properties.get("VersioningConfiguration") or {}).get("Status"),
            "Encryption": [
                rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"]
                for rule in _encryption(properties.get("BucketEncryption") or {})["Rules"]
            ],
            "PublicAccessBlock": properties.get("PublicAccessBlockConfiguration"),
            "Lifecycle": [_comparable(_rule(rule)) for rule in lifecycle["Rules"]],
            "IntelligentTiering": sorted(
                tiering["Id"] for tiering in properties.get("IntelligentTieringConfigurations") or ()
            ),
            "Tags": tag_map(tags_of(made.wanted)),
        }

    def read(self, services: Services, made: Sequence[Made]) -> Mapping[str, Fields]:
        """One call a configuration that the template sets."""
        s3 = services.client("s3")
        return {one.physical.ref: self._read(s3, one) for one in made}

    def _read(self, s3: Any, made: Made) -> Fields:
        bucket, properties = made.physical.ref, made.wanted.properties
        found: dict[str, Any] = {
            "Versioning": s3.get_bucket_versioning(Bucket=bucket).get("Status"),
            "Encryption": [],
            "PublicAccessBlock": None,
            "Lifecycle": [],
            "IntelligentTiering": [],
            "Tags": {},
        }
        if properties.get("BucketEncryption"):
            rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
            found["Encryption"] = [rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] for rule in rules]
        if properties.get("PublicAccessBlockConfiguration"):
            found["PublicAccessBlock"] = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        if properties.get("LifecycleConfiguration"):
            rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
            found["Lifecycle"] = [_comparable(rule) for rule in rules]
        if properties.get("IntelligentTieringConfigurations"):
            listed = s3.list_bucket_intelligent_tiering_configurations(Bucket=bucket)
            found["IntelligentTiering"] = sorted(
                entry["Id"] for entry in listed.get("IntelligentTieringConfigurationList") or ()
            )
        if tags_of(made.wanted):
            found["Tags"] = tag_map(s3.get_bucket_tagging(Bucket=bucket)["TagSet"])
        return found


def _encryption(encryption: Mapping[str, Any]) -> dict[str, Any]:
    rules = []
    for rule in encryption.get("ServerSideEncryptionConfiguration") or ():
        default = rule["ServerSideEncryptionByDefault"]
        applied = {"SSEAlgorithm": default["SSEAlgorithm"]}
        if "KMSMasterKeyID" in default:
            applied["KMSMasterKeyID"] = default["KMSMasterKeyID"]
        rules.append({"ApplyServerSideEncryptionByDefault": applied, **_bucket_key(rule)})
    return {"Rules": rules}


def _bucket_key(rule: Mapping[str, Any]) -> dict[str, Any]:
    return {"BucketKeyEnabled": rule["BucketKeyEnabled"]} if "BucketKeyEnabled" in rule else {}


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A lifecycle rule of CloudFormation in the spelling of the S3 API."""
    result: dict[str, Any] = {"ID": rule.get("Id", ""), "Status": rule["Status"], "Filter": _filter(rule)}
    transitions = list(rule.get("Transitions") or ())
    if transitions:
        result["Transitions"] = [
            {"StorageClass": entry["StorageClass"], **_days(entry, "TransitionInDays")} for entry in transitions
        ]
    if "ExpirationInDays" in rule:
        result["Expiration"] = {"Days": int(rule["ExpirationInDays"])}
    elif rule.get("ExpiredObjectDeleteMarker"):
        result["Expiration"] = {"ExpiredObjectDeleteMarker": True}
    if "AbortIncompleteMultipartUpload" in rule:
        days = int(rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"])
        result["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": days}
    if "NoncurrentVersionExpiration" in rule:
        days = int(rule["NoncurrentVersionExpiration"]["NoncurrentDays"])
        result["NoncurrentVersionExpiration"] = {"NoncurrentDays": days}
    if rule.get("NoncurrentVersionTransitions"):
        result["NoncurrentVersionTransitions"] = [
            {"StorageClass": entry["StorageClass"], "NoncurrentDays": int(entry["TransitionInDays"])}
            for entry in rule["NoncurrentVersionTransitions"]
        ]
    return result


def _filter(rule: Mapping[str, Any]) -> dict[str, Any]:
    tags = [{"Key": tag["Key"], "Value": tag["Value"]} for tag in rule.get("TagFilters") or ()]
    prefix = rule.get("Prefix", "")
    if tags:
        return {"And": {"Prefix": prefix, "Tags": tags}}
    return {"Prefix": prefix}


def _days(entry: Mapping[str, Any], name: str) -> dict[str, int]:
    return {"Days": int(entry[name])} if name in entry else {}


def _comparable(rule: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in rule.items() if key not in {"Filter", "Prefix"}}


def _tiering(tiering: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Id": tiering["Id"],
        "Status": tiering["Status"],
        "Tierings": [{"Days": int(tier["Days"]), "AccessTier": tier["AccessTier"]} for tier in tiering["Tierings"]],
    }
