from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts import operations
from accounts.models import User


class Command(BaseCommand):
    help = "Takes away a person's authenticator app, passkeys and recovery codes: for who has lost them all."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            user = User.objects.get_by_natural_key(options["email"])
        except User.DoesNotExist as error:
            raise CommandError(f"There is no account with the address {options['email']}.") from error
        count = operations.reset_second_factor(user, now=timezone.now())
        self.stdout.write(f"{user.email}: {count} second factors taken away. The owner is told by mail.")
