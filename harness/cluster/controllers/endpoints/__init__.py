"""Services and the pods behind them: EndpointSlices (`slices`), Endpoints (`legacy`), mirrored slices (`mirroring`); the rules are in `rules` and `packing`."""

from harness.cluster.controllers.endpoints.legacy import EndpointsController
from harness.cluster.controllers.endpoints.mirroring import EndpointSliceMirroringController
from harness.cluster.controllers.endpoints.slices import EndpointSliceController

__all__ = ["EndpointSliceController", "EndpointSliceMirroringController", "EndpointsController"]
