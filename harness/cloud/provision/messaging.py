"""Log groups, topics and their policies."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from harness.cloud.provision.model import Fields, Made, Physical, Wanted, given, tag_map, tags_of
from harness.cloud.standin import ACCOUNT_ID, Services


class LogGroup:
    """AWS::Logs::LogGroup."""

    name = "AWS::Logs::LogGroup"
    applied = frozenset({"LogGroupName", "RetentionInDays", "Tags"})

    def create(self, services: Services, wanted: Wanted) -> Physical:
        """CreateLogGroup, then its retention."""
        logs = services.client("logs")
        name = str(wanted.properties.get("LogGroupName") or wanted.physical_name(512))
        logs.create_log_group(logGroupName=name, tags=tag_map(tags_of(wanted)))
        if days := wanted.properties.get("RetentionInDays"):
            logs.put_retention_policy(logGroupName=name, retentionInDays=int(days))
        return Physical(name, {"Arn": f"arn:aws:logs:{services.region}:{ACCOUNT_ID}:log-group:{name}:*"})

    def expected(self, made: Made) -> Fields:
        """Its retention."""
        days = made.wanted.properties.get("RetentionInDays")
        return {"RetentionInDays": int(days) if days else None}

    def read(self, services: Services, made: Sequence[Made]) -> Mapping[str, Fields]:  # noqa: ARG002 - one call lists all
        """DescribeLogGroups once."""
        described = services.client("logs").describe_log_groups()["logGroups"]
        return {entry["logGroupName"]: {"RetentionInDays": entry.get("retentionInDays")} for entry in described}


class Topic:
    """AWS::SNS::Topic."""

    name = "AWS::SNS::Topic"
    applied = frozenset({"DisplayName", "KmsMasterKeyId", "Subscription", "Tags", "TopicName"})

    def create(self, services: Services, wanted: Wanted) -> Physical:
        """CreateTopic, then its subscriptions."""
        sns = services.client("sns")
        properties = wanted.properties
        name = str(properties.get("TopicName") or wanted.physical_name(256))
        attributes = {key: str(value) for key, value in given(properties, "DisplayName", "KmsMasterKeyId").items()}
        arn = str(sns.create_topic(Name=name, Attributes=attributes, Tags=tags_of(wanted))["TopicArn"])
        for subscription in properties.get("Subscription") or ():
            sns.subscribe(TopicArn=arn, Protocol=subscription["Protocol"], Endpoint=subscription["Endpoint"])
        return Physical(arn, {"TopicArn": arn, "TopicName": name})

    def expected(self, made: Made) -> Fields:
        """That it exists."""
        return {"TopicArn": made.physical.ref}

    def read(self, services: Services, made: Sequence[Made]) -> Mapping[str, Fields]:  # noqa: ARG002 - one call lists all
        """ListTopics once."""
        return {entry["TopicArn"]: given(entry, "TopicArn") for entry in services.client("sns").list_topics()["Topics"]}


class TopicPolicy:
    """AWS::SNS::TopicPolicy."""

    name = "AWS::SNS::TopicPolicy"
    applied = frozenset({"PolicyDocument", "Topics"})

    def create(self, services: Services, wanted: Wanted) -> Physical:
        """SetTopicAttributes for each topic."""
        document = json.dumps(wanted.properties["PolicyDocument"])
        for topic in wanted.properties["Topics"]:
            services.client("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=document)
        return Physical(wanted.physical_name(128))

    def expected(self, made: Made) -> Fields:
        """The document on each topic."""
        return dict.fromkeys(made.wanted.properties["Topics"], made.wanted.properties["PolicyDocument"])

    def read(self, services: Services, made: Sequence[Made]) -> Mapping[str, Fields]:
        """GetTopicAttributes."""
        sns = services.client("sns")
        return {
            one.physical.ref: {
                topic: json.loads(sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])
                for topic in one.wanted.properties["Topics"]
            }
            for one in made
        }
