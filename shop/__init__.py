"""The ground floor: settings, database, money, time, language, accounts. Knows nothing of goods or orders."""
