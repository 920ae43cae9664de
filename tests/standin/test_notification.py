"""Notification configurations: kept, checked, and acted on as AWS does."""

import json

import pytest

BUCKET_ARN = "arn:aws:s3:::bucket"
QUEUE_ARN = "arn:aws:sqs:ap-northeast-1:111122223333:heard"


def queue_policy(arn=QUEUE_ARN, source=BUCKET_ARN, account="111122223333"):
    condition = {"ArnLike": {"aws:SourceArn": source}, "StringEquals": {"aws:SourceAccount": account}}
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": condition,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def queue(clients):
    url = clients("sqs").create_queue(QueueName="heard", Attributes={"Policy": queue_policy()})["QueueUrl"]

    def events():
        found = []
        while messages := clients("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found += json.loads(message["Body"]).get("Records", [])
                clients("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    return events


def listening(*events, **more):
    return {"QueueConfigurations": [{"Id": "q", "QueueArn": QUEUE_ARN, "Events": list(events), **more}]}


def test_document_comes_back_and_names_are_capitalised(clients, bucket, queue):
    s3, name = clients("s3"), bucket("bucket")
    rules = [{"Name": "prefix", "Value": "exports/"}, {"Name": "suffix", "Value": ""}]
    document = listening("s3:ObjectCreated:*", Filter={"Key": {"FilterRules": rules}})
    document["EventBridgeConfiguration"] = {}
    s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration=document)
    kept = s3.get_bucket_notification_configuration(Bucket=name)
    assert kept["EventBridgeConfiguration"] == {}
    assert kept["QueueConfigurations"][0]["Filter"]["Key"]["FilterRules"] == [
        {"Name": "Prefix", "Value": "exports/"},
        {"Name": "Suffix", "Value": ""},
    ]
    del kept["ResponseMetadata"]
    s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration=kept)
    assert s3.get_bucket_notification_configuration(Bucket=name)["QueueConfigurations"] == kept["QueueConfigurations"]
    s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration={})
    assert s3.get_bucket_notification_configuration(Bucket=name).keys() == {"ResponseMetadata"}


def test_destination_must_exist_and_let_s3_in(clients, bucket, refused, queue):
    s3, name = clients("s3"), bucket("bucket")
    put = s3.put_bucket_notification_configuration
    missing = listening("s3:ObjectCreated:*", QueueArn=QUEUE_ARN + "-not")
    assert refused(put, Bucket=name, NotificationConfiguration=missing) == "InvalidArgument"
    put(Bucket=name, NotificationConfiguration=missing, SkipDestinationValidation=True)
    url = clients("sqs").get_queue_url(QueueName="heard")["QueueUrl"]
    for wrong in (queue_policy(source="arn:aws:s3:::other"), queue_policy(account="444455556666")):
        clients("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": wrong})
        assert refused(put, Bucket=name, NotificationConfiguration=listening("s3:ObjectCreated:*")) == "InvalidArgument"
    clients("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": queue_policy()})
    put(Bucket=name, NotificationConfiguration=listening("s3:ObjectCreated:*"))


@pytest.mark.parametrize(
    ("one", "other", "accepted"),
    [
        (("s3:ObjectCreated:*", "", ""), ("s3:ObjectCreated:Put", "", ""), False),
        (("s3:ObjectCreated:Put", "", ""), ("s3:ObjectCreated:Copy", "", ""), True),
        (("s3:ObjectCreated:*", "a/", ""), ("s3:ObjectCreated:*", "a/b/", ""), False),
        (("s3:ObjectCreated:*", "a/", ""), ("s3:ObjectCreated:*", "b/", ""), True),
        (("s3:ObjectCreated:*", "a/", ".gz"), ("s3:ObjectCreated:*", "a/", ".json"), True),
        (("s3:ObjectCreated:*", "", ".gz"), ("s3:ObjectCreated:*", "", ".json.gz"), False),
    ],
)
def test_entries_may_not_overlap(clients, bucket, queue, refused, one, other, accepted):
    s3, name = clients("s3"), bucket("bucket")
    entries = []
    for number, (event, prefix, suffix) in enumerate((one, other)):
        rules = [{"Name": "prefix", "Value": prefix}, {"Name": "suffix", "Value": suffix}]
        entry = {"Id": str(number), "QueueArn": QUEUE_ARN, "Events": [event]}
        entries.append(entry | {"Filter": {"Key": {"FilterRules": rules}}})
    put = s3.put_bucket_notification_configuration
    if accepted:
        put(Bucket=name, NotificationConfiguration={"QueueConfigurations": entries})
    else:
        document = {"QueueConfigurations": entries}
        assert refused(put, Bucket=name, NotificationConfiguration=document) == "InvalidArgument"


@pytest.mark.parametrize(
    "change",
    [
        {"Events": ["s3:ObjectCreated:Nothing"]},
        {"QueueArn": "arn:aws:sns:ap-northeast-1:111122223333:heard"},
        {"QueueArn": "arn:aws:sqs:us-east-1:111122223333:heard"},
        {"Filter": {"Key": {"FilterRules": [{"Name": "middle", "Value": "x"}]}}},
    ],
    ids=["an unknown event", "another service", "another Region", "an unknown filter"],
)
def test_entry_is_refused(clients, bucket, queue, refused, change):
    s3, name = clients("s3"), bucket("bucket")
    document = listening("s3:ObjectCreated:*")
    document["QueueConfigurations"][0] |= change
    assert refused(s3.put_bucket_notification_configuration, Bucket=name, NotificationConfiguration=document) == (
        "InvalidArgument"
    )


def test_a_multipart_upload_is_one_event(clients, bucket, queue, standin):
    s3, name = clients("s3"), bucket("bucket")
    everything = ["s3:ObjectCreated:*", "s3:ObjectTagging:*", "s3:ObjectRemoved:*"]
    s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration=listening(*everything))
    upload = s3.create_multipart_upload(Bucket=name, Key="exports/a b")["UploadId"]
    part = s3.upload_part(Bucket=name, Key="exports/a b", UploadId=upload, PartNumber=1, Body=b"x")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket=name, Key="exports/a b", UploadId=upload, MultipartUpload=parts)
    records = queue()
    assert [record["eventName"] for record in records] == ["ObjectCreated:CompleteMultipartUpload"]
    described = records[0]["s3"]["object"]
    assert described["key"] == "exports/a+b"
    assert described["versionId"]
    assert described["sequencer"]
    s3.put_object(Bucket=name, Key="plain", Body=b"x")
    s3.put_object(Bucket=name, Key="tagged", Body=b"x", Tagging="a=b")
    s3.delete_object(Bucket=name, Key="plain")
    assert sorted(record["eventName"] for record in queue()) == [
        "ObjectCreated:Put",
        "ObjectCreated:Put",
        "ObjectRemoved:DeleteMarkerCreated",
        "ObjectTagging:Put",
    ]
    assert {line["to"] for line in standin.events()} == {QUEUE_ARN}


def test_listening_to_put_does_not_hear_a_multipart_upload(clients, bucket, queue):
    s3, name = clients("s3"), bucket("bucket")
    put = s3.put_bucket_notification_configuration
    put(Bucket=name, NotificationConfiguration=listening("s3:ObjectCreated:Put", "s3:ObjectCreated:Post"))
    upload = s3.create_multipart_upload(Bucket=name, Key="k")["UploadId"]
    part = s3.upload_part(Bucket=name, Key="k", UploadId=upload, PartNumber=1, Body=b"x")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket=name, Key="k", UploadId=upload, MultipartUpload=parts)
    assert queue() == []


def test_a_destination_that_no_longer_lets_s3_in_hears_nothing(clients, bucket, queue):
    s3, name = clients("s3"), bucket("bucket")
    document = listening("s3:ObjectCreated:*")
    s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration=document)
    url = clients("sqs").get_queue_url(QueueName="heard")["QueueUrl"]
    clients("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": queue_policy(source="arn:aws:s3:::other")})
    s3.put_object(Bucket=name, Key="k", Body=b"x")
    assert queue() == []


def test_eventbridge_names_the_call(clients, bucket):
    s3, events, sqs, name = clients("s3"), clients("events"), clients("sqs"), bucket("bucket")
    url = sqs.create_queue(QueueName="bridge")["QueueUrl"]
    pattern = {"source": ["aws.s3"], "detail": {"reason": ["CompleteMultipartUpload"]}}
    events.put_rule(Name="exports", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="exports", Targets=[{"Id": "q", "Arn": QUEUE_ARN.replace("heard", "bridge")}])
    s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}})
    s3.put_object(Bucket=name, Key="k", Body=b"x")
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    upload = s3.create_multipart_upload(Bucket=name, Key="a/k")["UploadId"]
    part = s3.upload_part(Bucket=name, Key="a/k", UploadId=upload, PartNumber=1, Body=b"x")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket=name, Key="a/k", UploadId=upload, MultipartUpload=parts)
    detail = json.loads(sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"])["detail"]
    assert detail["reason"] == "CompleteMultipartUpload"
    assert detail["object"]["key"] == "a/k"
    tested = events.test_event_pattern(
        EventPattern=json.dumps(pattern), Event=json.dumps({"source": "aws.s3", "detail": detail})
    )
    assert tested["Result"] is True
