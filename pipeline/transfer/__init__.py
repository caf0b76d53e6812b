"""How bytes come in: HTTP ranges, FTP and S3, each with lengths enforced, resume where the protocol has it, and one retry policy.

Everything blocks in the calling thread on Python sockets: no thread is started here. Nothing here knows a file format.
"""

from pipeline.transfer.ftp import FtpClient
from pipeline.transfer.http import HttpClient, RemoteFile
from pipeline.transfer.retry import RetryPolicy
from pipeline.transfer.s3 import AnonymousBucket, StoredObject

__all__ = ["AnonymousBucket", "FtpClient", "HttpClient", "RemoteFile", "RetryPolicy", "StoredObject"]
