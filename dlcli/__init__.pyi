from dlcli.api.loading import load as load
from dlcli.errors import DlcliError as DlcliError
from dlcli.errors import DlcliNote as DlcliNote
from dlcli.errors import DlcliWarning as DlcliWarning

__version__: str
