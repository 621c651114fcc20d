"""Calls the coordinator as a client in Python would: a JSON request a line on standard input, an outcome a line on standard output.

Arguments: the address, and a file with the descriptors that `buf build -o descriptors.binpb` makes of the proto folder.
"""

import json
import sys

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format

try:
    from google.protobuf.message_factory import GetMessageClass
except ImportError:  # Before protobuf 4.22.
    from google.protobuf.message_factory import MessageFactory

    def GetMessageClass(descriptor):
        return MessageFactory().GetPrototype(descriptor)


SERVICE = "coordinator.v1.CoordinatorService"
LIMIT = [("grpc.max_receive_message_length", 8 << 20), ("grpc.max_send_message_length", 8 << 20)]


def load(path):
    pool = descriptor_pool.DescriptorPool()
    files = descriptor_pb2.FileDescriptorSet()
    with open(path, "rb") as file:
        files.ParseFromString(file.read())
    for file in files.file:
        pool.Add(file)
    return pool.FindServiceByName(SERVICE)


def main(address, descriptors):
    service = load(descriptors)
    with grpc.insecure_channel(address, options=LIMIT) as channel:
        for line in sys.stdin:
            asked = json.loads(line)
            method = service.methods_by_name[asked["rpc"]]
            request = json_format.ParseDict(asked["request"], GetMessageClass(method.input_type)())
            call = channel.unary_unary(
                f"/{SERVICE}/{method.name}",
                request_serializer=type(request).SerializeToString,
                response_deserializer=GetMessageClass(method.output_type).FromString,
            )
            try:
                answer = call(request, metadata=list(asked["headers"].items()), timeout=20)
                outcome = {"answer": json_format.MessageToDict(answer)}
            except grpc.RpcError as error:
                metadata = dict(error.trailing_metadata())
                failure = {"status": error.code().name.lower().replace("cancelled", "canceled"), "message": error.details()}
                outcome = {"failure": {**failure, "errorCode": metadata.get("coordinator-error-code")}}
            print(json.dumps(outcome), flush=True)


main(*sys.argv[1:])
