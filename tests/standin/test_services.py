"""Lambda, SQS, SNS, KMS, IAM, CloudWatch, Glue and Organizations where moto differs from AWS."""

import io
import json
import zipfile

import pytest

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
ALLOW = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}


@pytest.fixture
def function(clients):
    clients("iam").create_role(RoleName="f", AssumeRolePolicyDocument=json.dumps(TRUST))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", "def handler(event, context): return 1")
    awslambda = clients("lambda")
    awslambda.create_function(
        FunctionName="f",
        Runtime="python3.12",
        Role="arn:aws:iam::111122223333:role/f",
        Handler="index.handler",
        Code={"ZipFile": packed.getvalue()},
    )
    return awslambda


def permission(sid, **more):
    return {
        "FunctionName": "f",
        "StatementId": sid,
        "Action": "lambda:InvokeFunction",
        "Principal": "s3.amazonaws.com",
        "SourceArn": "arn:aws:s3:::bucket",
        "SourceAccount": "111122223333",
        **more,
    }


def statements(answer):
    return json.loads(answer["Policy"])["Statement"]


def test_a_statement_id_is_used_once(function, refused):
    assert refused(function.get_policy, FunctionName="f") == "ResourceNotFoundException"
    function.add_permission(**permission("one"))
    assert refused(function.add_permission, **permission("one")) == "ResourceConflictException"
    function.add_permission(**permission("two"))
    kept = statements(function.get_policy(FunctionName="f"))
    assert [each["Sid"] for each in kept] == ["one", "two"]
    assert kept[0]["Condition"] == {
        "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::bucket"},
        "StringEquals": {"AWS:SourceAccount": "111122223333"},
    }


def test_each_qualifier_has_its_policy(function, refused):
    version = function.publish_version(FunctionName="f")["Version"]
    function.create_alias(FunctionName="f", Name="live", FunctionVersion=version)
    function.add_permission(**permission("plain"))
    function.add_permission(**permission("alias", Qualifier="live"))
    assert [each["Sid"] for each in statements(function.get_policy(FunctionName="f"))] == ["plain"]
    aliased = statements(function.get_policy(FunctionName="f", Qualifier="live"))
    assert [(each["Sid"], each["Resource"]) for each in aliased] == [
        ("alias", "arn:aws:lambda:ap-northeast-1:111122223333:function:f:live")
    ]
    function.remove_permission(FunctionName="f", StatementId="alias", Qualifier="live")
    assert refused(function.get_policy, FunctionName="f", Qualifier="live") == "ResourceNotFoundException"
    assert statements(function.get_policy(FunctionName="f"))


def test_revisions(function, refused):
    function.add_permission(**permission("one"))
    revision = function.get_policy(FunctionName="f")["RevisionId"]
    function.add_permission(**permission("two", RevisionId=revision))
    assert refused(function.add_permission, **permission("three", RevisionId=revision)) == "PreconditionFailedException"
    remove = {"FunctionName": "f", "StatementId": "two"}
    assert refused(function.remove_permission, **remove, RevisionId=revision) == "PreconditionFailedException"
    function.remove_permission(**remove, RevisionId=function.get_policy(FunctionName="f")["RevisionId"])
    assert refused(function.remove_permission, **remove) == "ResourceNotFoundException"


def test_dead_letters_have_their_target(function):
    arn = "arn:aws:sqs:ap-northeast-1:111122223333:dead"
    read = function.get_function_configuration
    assert "DeadLetterConfig" not in read(FunctionName="f")
    function.update_function_configuration(FunctionName="f", DeadLetterConfig={"TargetArn": arn})
    assert read(FunctionName="f")["DeadLetterConfig"] == {"TargetArn": arn}
    function.update_function_configuration(FunctionName="f", DeadLetterConfig={"TargetArn": ""})
    assert "DeadLetterConfig" not in read(FunctionName="f")


def test_setting_another_attribute_leaves_the_queue_policy(clients, refused):
    sqs = clients("sqs")
    url = sqs.create_queue(QueueName="q", Attributes={"Policy": json.dumps(ALLOW)})["QueueUrl"]

    def attributes():
        return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]

    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "60"})
    assert json.loads(attributes()["Policy"]) == ALLOW
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    assert "Policy" not in attributes()
    for wrong in ({"VisibilityTimeout": "50000"}, {"Policy": "no JSON"}, {"FifoQueue": "perhaps"}):
        assert refused(sqs.set_queue_attributes, QueueUrl=url, Attributes=wrong) == "InvalidAttributeValue"
    assert refused(sqs.set_queue_attributes, QueueUrl=url, Attributes={"Colour": "red"}) == "InvalidAttributeName"


def test_topic_attributes_are_checked(clients, refused):
    sns = clients("sns")
    arn = sns.create_topic(Name="t")["TopicArn"]
    put = sns.set_topic_attributes
    assert refused(put, TopicArn=arn, AttributeName="Colour", AttributeValue="red") == "InvalidParameter"
    assert refused(put, TopicArn=arn, AttributeName="Policy", AttributeValue="no JSON") == "InvalidParameter"
    document = json.dumps({**ALLOW, "Id": "mine"})
    put(TopicArn=arn, AttributeName="Policy", AttributeValue=document)
    assert json.loads(sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"])["Id"] == "mine"


@pytest.mark.parametrize("service", ["s3", "sqs", "sns", "dynamodb", "lambda"])
def test_aws_managed_keys(clients, refused, service):
    kms = clients("kms")
    key = kms.describe_key(KeyId=f"alias/aws/{service}")["KeyMetadata"]
    assert key["KeyManager"] == "AWS"
    assert kms.get_key_rotation_status(KeyId=key["KeyId"])["KeyRotationEnabled"] is True
    policy = {"KeyId": key["KeyId"], "PolicyName": "default", "Policy": json.dumps(ALLOW)}
    assert refused(kms.put_key_policy, **policy) == "AccessDeniedException"


def test_a_key_is_described_across_accounts_if_its_policy_says_so(clients, refused):
    kms, other = clients("kms"), clients("kms", "444455556666")
    key = kms.create_key()["KeyMetadata"]
    assert refused(other.describe_key, KeyId=key["Arn"]) == "AccessDeniedException"
    assert refused(other.describe_key, KeyId=key["KeyId"]) == "NotFoundException"
    names = [f"arn:aws:iam::{account}:root" for account in ("111122223333", "444455556666")]
    statement = {"Effect": "Allow", "Principal": {"AWS": names}, "Action": "kms:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    kms.put_key_policy(KeyId=key["KeyId"], PolicyName="default", Policy=policy)
    assert other.describe_key(KeyId=key["Arn"])["KeyMetadata"]["AWSAccountId"] == "111122223333"
    assert other.get_key_rotation_status(KeyId=key["Arn"])["KeyRotationEnabled"] is False
    wrong = {"KeyId": key["KeyId"], "PolicyName": "default", "Policy": "no JSON"}
    assert refused(kms.put_key_policy, **wrong) == "MalformedPolicyDocumentException"


def test_inline_policies_have_a_quota(clients, refused):
    iam = clients("iam")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(TRUST))

    def document(size):
        statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::" + "x" * size}
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=4)

    iam.put_role_policy(RoleName="r", PolicyName="one", PolicyDocument=document(6000))
    more = {"RoleName": "r", "PolicyName": "two", "PolicyDocument": document(6000)}
    assert refused(iam.put_role_policy, **more) == "LimitExceeded"
    iam.put_role_policy(RoleName="r", PolicyName="one", PolicyDocument=document(9000))
    assert refused(iam.update_assume_role_policy, RoleName="r", PolicyDocument="{}") == "MalformedPolicyDocument"


def test_account_details_come_in_pages(clients):
    iam = clients("iam")
    for number in range(7):
        iam.create_role(RoleName=f"r{number}", AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.create_user(UserName="u")
    pages = list(iam.get_paginator("get_account_authorization_details").paginate(PaginationConfig={"PageSize": 3}))
    assert [page["IsTruncated"] for page in pages] == [True, True, False]
    names = [role["RoleName"] for page in pages for role in page["RoleDetailList"]]
    assert sorted(names) == [f"r{number}" for number in range(7)]
    assert [user["UserName"] for page in pages for user in page["UserDetailList"]] == ["u"]


def test_alarms_of_a_metric_are_those_of_its_dimensions(clients):
    cloudwatch = clients("cloudwatch")
    here = [{"Name": "SourceBucket", "Value": "here"}]
    metric = {"MetricName": "OperationsFailedReplication", "Namespace": "AWS/S3"}
    rest = {"ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1, "Period": 60, "Threshold": 0}
    cloudwatch.put_metric_alarm(AlarmName="a", Statistic="Sum", Dimensions=here, **metric, **rest)
    found = cloudwatch.describe_alarms_for_metric(**metric, Dimensions=here)["MetricAlarms"]
    assert [alarm["AlarmName"] for alarm in found] == ["a"]
    there = [{"Name": "SourceBucket", "Value": "there"}]
    assert cloudwatch.describe_alarms_for_metric(**metric, Dimensions=there)["MetricAlarms"] == []


def test_replication_metrics_can_be_seeded(clients):
    import datetime as dt

    cloudwatch, now = clients("cloudwatch"), dt.datetime.now(dt.timezone.utc)
    dimensions = [{"Name": "SourceBucket", "Value": "b"}]
    datum = {"MetricName": "ReplicationLatency", "Dimensions": dimensions, "Value": 42, "Timestamp": now}
    cloudwatch.put_metric_data(Namespace="AWS/S3", MetricData=[datum])
    stat = {"Metric": {"Namespace": "AWS/S3", "MetricName": "ReplicationLatency", "Dimensions": dimensions}}
    query = {"Id": "m", "MetricStat": stat | {"Period": 300, "Stat": "Maximum"}}
    span = {"StartTime": now - dt.timedelta(hours=1), "EndTime": now + dt.timedelta(hours=1)}
    assert cloudwatch.get_metric_data(MetricDataQueries=[query], **span)["MetricDataResults"][0]["Values"] == [42]


def test_glue_tables(clients, refused):
    glue = clients("glue")
    glue.create_database(DatabaseInput={"Name": "db"})
    place = {"Location": "s3://orders-analytics/exports/AWSDynamoDB/data/"}
    glue.create_table(DatabaseName="db", TableInput={"Name": "orders", "StorageDescriptor": place})
    assert glue.get_table(DatabaseName="db", Name="orders")["Table"]["StorageDescriptor"] == place
    assert refused(glue.get_table, DatabaseName="db", Name="nothing") == "EntityNotFoundException"


def test_service_control_policies(clients):
    organizations = clients("organizations")
    organizations.create_organization(FeatureSet="ALL")
    root = organizations.list_roots()["Roots"][0]["Id"]
    organizations.enable_policy_type(RootId=root, PolicyType="SERVICE_CONTROL_POLICY")
    made = organizations.create_policy(
        Content=json.dumps(ALLOW), Description="d", Name="n", Type="SERVICE_CONTROL_POLICY"
    )["Policy"]["PolicySummary"]["Id"]
    organizations.attach_policy(PolicyId=made, TargetId=root)
    listed = organizations.list_policies_for_target(TargetId=root, Filter="SERVICE_CONTROL_POLICY")["Policies"]
    assert made in [policy["Id"] for policy in listed]
    assert json.loads(organizations.describe_policy(PolicyId=made)["Policy"]["Content"]) == ALLOW


@pytest.mark.parametrize(
    ("service", "method", "params"),
    [
        ("cloudtrail", "lookup_events", {}),
        ("dynamodb", "describe_contributor_insights", {"TableName": "t"}),
        (
            "iam",
            "simulate_principal_policy",
            {"PolicySourceArn": "arn:aws:iam::111122223333:role/r", "ActionNames": ["s3:GetObject"]},
        ),
        ("accessanalyzer", "list_analyzers", {}),
    ],
)
def test_what_is_missing_says_so(clients, refused, service, method, params):
    assert refused(getattr(clients(service), method), **params) == "NotImplemented"


def test_a_reset_forgets_who_belonged_to_an_organisation(clients, standin):
    organizations = clients("organizations", "444455556666")
    organizations.create_organization(FeatureSet="ALL")
    made = organizations.create_account(AccountName="lake", Email="lake@example.com")["CreateAccountStatus"]
    member = clients("organizations", made["AccountId"])
    assert member.describe_organization()["Organization"]["MasterAccountId"] == "444455556666"
    standin.reset()
    with pytest.raises(member.exceptions.AWSOrganizationsNotInUseException):
        member.describe_organization()
    made = member.create_organization(FeatureSet="ALL")["Organization"]
    assert made["MasterAccountId"] not in {"", "444455556666"}
