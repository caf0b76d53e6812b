"""The least that tells somebody: the log group of the workloads, and a budget whose notifications go to a topic."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.environments import Environment
from infra.outputs import Output
from infra.stacks.common import EnvironmentStack

NOTIFIED = (("ACTUAL", 80), ("FORECASTED", 100))


class ObservabilityStack(EnvironmentStack):
    """Logs and budget of one environment."""

    def __init__(self, scope: Construct, *, environment: Environment) -> None:
        super().__init__(scope, "observability", environment=environment, description="Logs, budget and their topic")
        group = logs.CfnLogGroup(
            self,
            "Workloads",
            log_group_name=f"/em-pipeline/{environment.name}/workloads",
            retention_in_days=environment.log_retention_days,
        )
        group.apply_removal_policy(self.data_removal)
        topic = sns.Topic(self, "Alerts", enforce_ssl=True)
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("budgets.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID}},
            )
        )
        self._budget(topic)
        self.give(Output.LOG_GROUP_NAME, group.ref)
        self.give(Output.ALERT_TOPIC_ARN, topic.topic_arn)

    def _budget(self, topic: sns.Topic) -> None:
        subscriber = budgets.CfnBudget.SubscriberProperty(subscription_type="SNS", address=topic.topic_arn)
        budgets.CfnBudget(
            self,
            "Monthly",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(amount=self.settings.budget_monthly_usd, unit="USD"),
            ),
            notifications_with_subscribers=[
                budgets.CfnBudget.NotificationWithSubscribersProperty(
                    notification=budgets.CfnBudget.NotificationProperty(
                        notification_type=kind,
                        comparison_operator="GREATER_THAN",
                        threshold=percent,
                        threshold_type="PERCENTAGE",
                    ),
                    subscribers=[subscriber],
                )
                for kind, percent in NOTIFIED
            ],
        )
